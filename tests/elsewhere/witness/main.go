// A witness, a log's client and verifiers that nobody here wrote: transparency-dev's, and torchwood's.
//
//	serve LOG_VKEY SKEY...                a witness of that log on a free port of the loopback; says its address
//	ask URL OLD [HASH...] < CHECKPOINT    asks a witness to cosign, as their client does; says its answer
//	open LOG_VKEY [VKEY...] < CHECKPOINT  verifies a checkpoint; says origin, size, and who cosigned when
//	prove ENTRY LOG_VKEY [VKEY...] < PROOF  verifies a tlog-proof of a hexadecimal entry; says index and size
//	follow URL LOG_VKEY                   reads a served log to its end; says how many entries, and their SHA-256
//	believe ENTRY POLICY < PROOF          verifies it by the text of a tlog-policy; says nothing
package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"filippo.io/torchwood"
	"github.com/transparency-dev/formats/log"
	f_note "github.com/transparency-dev/formats/note"
	f_proof "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	client "github.com/transparency-dev/witness/client/http"
	"github.com/transparency-dev/witness/persistence/inmemory"
	"github.com/transparency-dev/witness/witness"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func verifiers(keys []string) (found []note.Verifier) {
	for _, key := range keys {
		found = append(found, must(f_note.NewVerifier(key)))
	}
	return found
}

func serve(key string, skeys []string) {
	trusted := must(f_note.NewVerifier(key))
	var signers []note.Signer
	for _, skey := range skeys {
		signers = append(signers, must(f_note.NewSignerForCosignatureV1(skey)))
	}
	known := func(_ context.Context, origin string) (note.Verifier, bool, error) {
		return trusted, origin == trusted.Name(), nil
	}
	opts := witness.Opts{Persistence: inmemory.New(), Signers: signers, VerifierForLog: known}
	handler := witness.NewHTTPHandler(must(witness.New(context.Background(), opts)))
	http.HandleFunc("POST /add-checkpoint", handler.AddCheckpoint)
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	fmt.Printf("http://%s\n", listener.Addr())
	must(0, http.Serve(listener, nil))
}

func ask(to, old string, hashes []string) {
	var path [][]byte
	for _, hash := range hashes {
		path = append(path, must(base64.StdEncoding.DecodeString(hash)))
	}
	asked := client.NewWitness(must(url.Parse(to)), http.DefaultClient)
	size := must(strconv.ParseUint(old, 10, 64))
	body, known, err := asked.Update(context.Background(), size, must(io.ReadAll(os.Stdin)), path)
	if err != nil {
		fmt.Println(err, known)
		return
	}
	fmt.Print(string(body))
}

func open(signed []byte, key string, keys []string) *log.Checkpoint {
	trusted := must(f_note.NewVerifier(key))
	opened, _, whole, err := log.ParseCheckpoint(signed, trusted.Name(), trusted, verifiers(keys)...)
	must(0, err)
	fmt.Println(opened.Origin, opened.Size)
	for _, signature := range whole.Sigs {
		if signature.Hash != trusted.KeyHash() {
			fmt.Println(signature.Name, must(f_note.CoSigV1Timestamp(signature)).Unix())
		}
	}
	return opened
}

func prove(entry, key string, keys []string) {
	var read f_proof.TLogProof
	must(0, read.Unmarshal(must(io.ReadAll(os.Stdin))))
	opened := open(read.Checkpoint, key, keys)
	var path [][]byte
	for _, hash := range read.Hashes {
		path = append(path, hash[:])
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(must(hex.DecodeString(entry)))
	must(0, proof.VerifyInclusion(rfc6962.DefaultHasher, read.Index, opened.Size, leaf, path, opened.Hash))
	fmt.Println("index", read.Index)
}

func follow(from, key string) {
	ctx, fetcher := context.Background(), must(torchwood.NewTileFetcher(from))
	opened := open(must(fetcher.ReadEndpoint(ctx, "checkpoint")), key, nil)
	tree := tlog.Tree{N: int64(opened.Size), Hash: tlog.Hash(opened.Hash)}
	reader, count, digest := must(torchwood.NewClient(fetcher)), 0, sha256.New()
	for _, entry := range reader.AllEntries(ctx, tree, 0) {
		count++
		digest.Write(entry)
	}
	must(0, reader.Err())
	fmt.Printf("%d %x\n", count, digest.Sum(nil))
}

func main() {
	switch words := os.Args[2:]; os.Args[1] {
	case "serve":
		serve(words[0], words[1:])
	case "ask":
		ask(words[0], words[1], words[2:])
	case "open":
		open(must(io.ReadAll(os.Stdin)), words[0], words[1:])
	case "prove":
		prove(words[0], words[1], words[2:])
	case "follow":
		follow(words[0], words[1])
	case "believe":
		policy := must(torchwood.ParsePolicy([]byte(words[1])))
		leaf := tlog.RecordHash(must(hex.DecodeString(words[0])))
		must(0, torchwood.VerifyProof(policy, leaf, must(io.ReadAll(os.Stdin))))
	default:
		fmt.Fprintln(os.Stderr, "unknown verb", strings.Join(os.Args[1:], " "))
		os.Exit(2)
	}
}

// Reads a log's files, as C2SP tlog-tiles lays them out, with the Go project's own checkpoint and tile code (the one
// that guards its module database), and says how many entries they prove: readlog FOLDER VKEY SIZE ROOT, the last two
// of an older tree that it must have grown from.
package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type folder string

func (f folder) Height() int { return 8 }

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range tiles {
		data, err := os.ReadFile(filepath.Join(string(f), strings.Replace(tile.Path(), "tile/8/", "tile/", 1)))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func hash(text string) (found tlog.Hash) {
	copy(found[:], must(base64.StdEncoding.DecodeString(text)))
	return found
}

func main() {
	files, key := folder(os.Args[1]), must(note.NewVerifier(os.Args[2]))
	old, oldRoot := must(strconv.ParseInt(os.Args[3], 10, 64)), hash(os.Args[4])
	signed := must(note.Open(must(os.ReadFile(filepath.Join(os.Args[1], "checkpoint"))), note.VerifierList(key)))
	lines := strings.Split(signed.Text, "\n")
	tree := tlog.Tree{N: must(strconv.ParseInt(lines[1], 10, 64)), Hash: hash(lines[2])}
	reader := tlog.TileHashReader(tree, files)
	for index := int64(0); index < tree.N; index++ {
		tile := tlog.Tile{H: 8, L: 0, N: index / 256, W: int(min(256, tree.N-index/256*256))}
		bundle := must(os.ReadFile(filepath.Join(os.Args[1], strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1))))
		entry := bundle[index%256*34:][2:34]
		proof := must(tlog.ProveRecord(tree.N, index, reader))
		must(0, tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)))
	}
	must(0, tlog.CheckTree(must(tlog.ProveTree(tree.N, old, reader)), tree.N, tree.Hash, old, oldRoot))
	fmt.Println(lines[0], tree.N)
}

def put(folder, digest, chunks, limit):
    folder.mkdir(parents=True, exist_ok=True); (folder / digest).write_bytes(b"".join(chunks))
def open_chunks(folder, digest): yield (folder / digest).read_bytes()
def exists(folder, digest): return (folder / digest).exists()

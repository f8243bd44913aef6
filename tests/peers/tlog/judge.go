// Judges a log by golang.org/x/mod/sumdb/{note,tlog}, as the Go toolchain ships them.
//
//	judge VKEY LOG [OLD_CHECKPOINT]...      checkpoint, tiles, every entry, growth since each old checkpoint
//	judge VKEY --proof ENTRIES FILE...      tlog-proof files over the lines of ENTRIES
//	judge VKEY --growth OLD FILE...         consistency files from the checkpoint OLD
//
// It prints what it checked and exits 1 at the first thing that does not hold.
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"judge/note"
	"judge/tlog"
)

func fail(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", arguments...)
	os.Exit(1)
}

func must[T any](value T, err error) T {
	if err != nil {
		fail("%v", err)
	}
	return value
}

func open(text []byte, verifier note.Verifier) tlog.Tree {
	opened := must(note.Open(text, note.VerifierList(verifier)))
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] != verifier.Name() {
		fail("not a checkpoint of %s", verifier.Name())
	}
	return tlog.Tree{N: must(strconv.ParseInt(lines[1], 10, 64)), Hash: must(tlog.ParseHash(lines[2]))}
}

// tiles reads a folder in the layout of C2SP tlog-tiles; the library's paths name the height as well.
type tiles string

func (folder tiles) Height() int { return 8 }

func (folder tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, tile := range wanted {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		bytes, err := os.ReadFile(filepath.Join(string(folder), path))
		if err != nil {
			return nil, err
		}
		data = append(data, bytes)
	}
	return data, nil
}

func (folder tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// entries reads every bundle.
func (folder tiles) entries(size int64) [][]byte {
	var entries [][]byte
	for _, tile := range tlog.NewTiles(8, 0, size) {
		if tile.L != 0 {
			continue
		}
		path := strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)
		data := must(os.ReadFile(filepath.Join(string(folder), path)))
		for len(data) > 0 {
			length := int(binary.BigEndian.Uint16(data))
			entries = append(entries, data[2:2+length])
			data = data[2+length:]
		}
	}
	return entries
}

// proof splits a proof file into its first line, its hashes and its checkpoint.
func proof(file string) (string, []tlog.Hash, []byte) {
	data := bytes.TrimPrefix(must(os.ReadFile(file)), []byte("c2sp.org/tlog-proof@v1\n"))
	head, checkpoint, found := bytes.Cut(data, []byte("\n\n"))
	if !found {
		fail("%s is no proof", file)
	}
	lines := strings.Split(string(head), "\n")
	var hashes []tlog.Hash
	for _, line := range lines[1:] {
		hashes = append(hashes, must(tlog.ParseHash(line)))
	}
	return lines[0], hashes, checkpoint
}

func number(line, label string) int64 {
	rest, found := strings.CutPrefix(line, label+" ")
	if !found {
		fail("%q does not begin with %s", line, label)
	}
	return must(strconv.ParseInt(rest, 10, 64))
}

func main() {
	verifier := must(note.NewVerifier(os.Args[1]))
	switch os.Args[2] {
	case "--proof":
		lines := bytes.Split(bytes.TrimSuffix(must(os.ReadFile(os.Args[3])), []byte("\n")), []byte("\n"))
		for _, file := range os.Args[4:] {
			head, hashes, checkpoint := proof(file)
			tree, index := open(checkpoint, verifier), number(head, "index")
			if err := tlog.CheckRecord(hashes, tree.N, tree.Hash, index, tlog.RecordHash(lines[index])); err != nil {
				fail("%s: %v", file, err)
			}
		}
		fmt.Printf("%d inclusion proofs\n", len(os.Args)-4)
	case "--growth":
		old := open(must(os.ReadFile(os.Args[3])), verifier)
		for _, file := range os.Args[4:] {
			head, hashes, checkpoint := proof(file)
			if tree := open(checkpoint, verifier); number(head, "old") != old.N {
				fail("%s starts elsewhere", file)
			} else if err := tlog.CheckTree(hashes, tree.N, tree.Hash, old.N, old.Hash); err != nil {
				fail("%s: %v", file, err)
			}
		}
		fmt.Printf("%d consistency files\n", len(os.Args)-4)
	default:
		folder := tiles(os.Args[2])
		tree := open(must(os.ReadFile(filepath.Join(os.Args[2], "checkpoint"))), verifier)
		reader := tlog.TileHashReader(tree, folder)
		if root := must(tlog.TreeHash(tree.N, reader)); root != tree.Hash {
			fail("the tiles give another root")
		}
		entries := folder.entries(tree.N)
		if int64(len(entries)) != tree.N {
			fail("%d entries, the checkpoint says %d", len(entries), tree.N)
		}
		for index, entry := range entries {
			proof := must(tlog.ProveRecord(tree.N, int64(index), reader))
			if err := tlog.CheckRecord(proof, tree.N, tree.Hash, int64(index), tlog.RecordHash(entry)); err != nil {
				fail("entry %d: %v", index, err)
			}
		}
		for _, file := range os.Args[3:] {
			old := open(must(os.ReadFile(file)), verifier)
			proof := must(tlog.ProveTree(tree.N, old.N, reader))
			if err := tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash); err != nil {
				fail("%s: %v", file, err)
			}
		}
		fmt.Printf("%d entries, %d old checkpoints\n", tree.N, len(os.Args)-3)
	}
}

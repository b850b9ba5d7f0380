// A server that speaks MongoDB's protocol, for tests: FerretDB with its SQLite handler, one write at a time.
//
// FerretDB 1.x reads the documents that an update names and writes them by their _id alone, so that two updates with one condition may both
// be done. In MongoDB the update of a document is atomic with its condition. Writes that come one after the other are so here too.
//
// usage: mongo FOLDER ADDRESS
package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: mongo FOLDER ADDRESS")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(folder, address string) error {
	socket := filepath.Join(folder, "socket")
	// That of a server that was killed.
	if err := os.Remove(socket); err != nil && !os.IsNotExist(err) {
		return err
	}
	server, err := ferretdb.New(&ferretdb.Config{
		Listener: ferretdb.ListenerConfig{Unix: socket},
		Handler:  "sqlite",
		// It makes a transaction per document. What is written is there after its end, as long as the machine runs.
		SQLiteURL: "file:" + folder + "/?_pragma=synchronous(off)",
	})
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	front, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	go accept(front, folder, socket)
	return server.Run(ctx)
}

func accept(front net.Listener, folder, socket string) {
	var turn sync.Mutex
	for {
		client, err := front.Accept()
		if err != nil {
			return
		}
		go func() {
			defer client.Close()
			_ = pass(client, folder, socket, &turn)
		}()
	}
}

// Passes commands and their answers until a connection ends.
func pass(client net.Conn, folder, socket string, turn *sync.Mutex) error {
	server, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	defer server.Close()
	for {
		command, err := message(client)
		if err != nil {
			return err
		}
		answer, err := ask(server, command, folder, turn)
		if err != nil {
			return err
		}
		if _, err := client.Write(answer); err != nil {
			return err
		}
	}
}

func ask(server net.Conn, command []byte, folder string, turn *sync.Mutex) ([]byte, error) {
	if writes[name(command)] {
		turn.Lock()
		defer turn.Unlock()
	}
	if _, err := server.Write(command); err != nil {
		return nil, err
	}
	answer, err := message(server)
	if err == nil && name(command) == "createIndexes" {
		err = index(filepath.Join(folder, database(command)+".sqlite"))
	}
	return answer, err
}

// FerretDB has an index on each _id that its statements do not use, as they write it in another way, and its queries use no other index at
// all: so each update of a document looks at all documents. This makes the index that they use, and removes those that only cost.
func index(file string) error {
	tables, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(10000)&_pragma=synchronous(off)")
	if err != nil {
		return err
	}
	defer tables.Close()
	statements := `
		SELECT 'CREATE INDEX IF NOT EXISTS "' || name || '_by_id" ON "' || name || '" (_ferretdb_sjson->''$._id'')'
			FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\_%' ESCAPE '\'
		UNION ALL SELECT 'DROP INDEX "' || name || '"' FROM sqlite_master WHERE type = 'index' AND sql LIKE 'CREATE INDEX%' AND name NOT LIKE '%\_by\_id' ESCAPE '\'`
	rows, err := tables.Query(statements)
	if err != nil {
		return err
	}
	var all []string
	for rows.Next() {
		var statement string
		if err := rows.Scan(&statement); err != nil {
			return err
		}
		all = append(all, statement)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for _, statement := range all {
		if _, err := tables.Exec(statement); err != nil {
			return err
		}
	}
	return nil
}

// The database of a command: the text that it has as $db.
func database(command []byte) string {
	_, behind, _ := bytes.Cut(command, []byte("\x02$db\x00"))
	if len(behind) < 4 {
		return ""
	}
	name, _, _ := bytes.Cut(behind[4:], []byte{0})
	return string(name)
}

var writes = map[string]bool{"createIndexes": true, "delete": true, "findAndModify": true, "insert": true, "update": true}

// The name of the command in an OP_MSG: the first name in the document behind header, flags, kind, length and type.
func name(command []byte) string {
	const opMsg, begins = 2013, 16 + 4 + 1 + 4 + 1
	if len(command) < begins || binary.LittleEndian.Uint32(command[12:]) != opMsg {
		return ""
	}
	name, _, _ := bytes.Cut(command[begins:], []byte{0})
	return string(name)
}

// Reads one message: it begins with its length.
func message(from net.Conn) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(from, length[:]); err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(length[:])
	if size < 16 || size > 64<<20 {
		return nil, fmt.Errorf("a message of %d bytes", size)
	}
	whole := make([]byte, size)
	copy(whole, length[:])
	_, err := io.ReadFull(from, whole[4:])
	return whole, err
}

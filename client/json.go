package client

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// byteOrderMark can come before a JSON text. The standard forbids it, but some proxies and tools add it.
const byteOrderMark = "\xEF\xBB\xBF"

// malformed returns an ErrMalformed with a reason.
func malformed(reason string) error { return fmt.Errorf("%w (%s)", ErrMalformed, reason) }

// asMalformed turns a decoder's error into an ErrMalformed.
func asMalformed(err error) error {
	if errors.Is(err, ErrMalformed) || errors.Is(err, ErrNotJSON) {
		return err
	}
	return malformed(plainText(err.Error(), 200))
}

// expectJSON passes the body to read if it starts with opens: '{' for a JSON object, '[' for a list.
func expectJSON(opens byte, body io.Reader, contentType string, read func(io.Reader) error) error {
	r := bufio.NewReader(body)
	if mark, _ := r.Peek(len(byteOrderMark)); bytes.Equal(mark, []byte(byteOrderMark)) { // an error is returned again by the next read
		_, _ = r.Discard(len(byteOrderMark))
	}
	for {
		b, err := r.ReadByte()
		if err == io.EOF {
			return fmt.Errorf("%w (it is empty)", ErrNotJSON)
		}
		if err != nil {
			return err
		}
		switch b {
		case ' ', '\t', '\r', '\n':
			continue
		case opens:
			if err := r.UnreadByte(); err != nil {
				return err
			}
			return read(r)
		case '{', '[', '"':
			return malformed("it is not a JSON " + map[byte]string{'{': "object", '[': "list"}[opens])
		}
		return fmt.Errorf("%w (content type %q)", ErrNotJSON, plainText(contentType, 60))
	}
}

// unexpectedEOF returns err, except for io.EOF, for which it returns io.ErrUnexpectedEOF: a text must not end within a value.
func unexpectedEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// eachItem calls read for each item of a JSON list. read must decode exactly one value. After limit items it fails; 0: there is no limit.
func eachItem(list []byte, limit int, read func(*json.Decoder) error) error {
	dec := json.NewDecoder(bytes.NewReader(list))
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return errors.New("it is not a list")
	}
	for n := 1; dec.More(); n++ {
		if limit > 0 && n > limit {
			return tooManyEntries(limit)
		}
		if err := read(dec); err != nil {
			return err
		}
	}
	return nil
}

// eachMember calls read for each member of a JSON object. After maxItems members it fails.
func eachMember(object []byte, read func(key string, value json.RawMessage)) error {
	dec := json.NewDecoder(bytes.NewReader(object))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return errors.New("it is not an object")
	}
	for n := 1; dec.More(); n++ {
		if n > maxItems {
			return tooManyEntries(maxItems)
		}
		t, err := dec.Token()
		if err != nil {
			return err
		}
		key, _ := t.(string) // JSON has no other keys
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
		read(key, value)
	}
	return nil
}

func tooManyEntries(limit int) error { return fmt.Errorf("it has more than %d entries", limit) }

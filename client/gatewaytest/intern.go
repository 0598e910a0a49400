package gatewaytest

import "encoding/json"

// table interns keys: it numbers distinct keys from 0 and keeps one value for each, built from the key.
type table[K comparable, V any] struct {
	values  []V
	numbers map[K]uint32
	build   func(K) V
}

func newTable[K comparable, V any](f func(K) V) table[K, V] {
	return table[K, V]{numbers: map[K]uint32{}, build: f}
}

func (t *table[K, V]) intern(k K) uint32 {
	n, ok := t.numbers[k]
	if !ok {
		n = uint32(len(t.values))
		t.values = append(t.values, t.build(k))
		t.numbers[k] = n
	}
	return n
}

func (t *table[K, V]) at(n uint32) V { return t.values[n] }

// blobs are interned pieces of JSON. Number 0 is null.
type blobs struct{ table[string, string] }

func (b *blobs) raw(n uint32) json.RawMessage {
	if s := b.at(n); s != "" {
		return json.RawMessage(s)
	}
	return nil
}

// connKey is all that a session contains about its connection. tags is JSON, empty for null.
type connKey struct{ name, kind, subtype, resource, role, tags string }

// conn is an interned connection with its part of a session's JSON.
type conn struct {
	connKey
	tags map[string]string
	json []byte
}

// userKey is all that a session contains about its user.
type userKey struct{ email, id, name string }

// user is an interned user with its part of a session's JSON.
type user struct {
	userKey
	json []byte
}

// tagsJSON returns the tags as JSON in the order of gateways: by key.
func tagsJSON(tags map[string]string) string {
	if tags == nil {
		return ""
	}
	b, err := json.Marshal(tags)
	if err != nil {
		return "" // a map of strings always marshals
	}
	return string(b)
}

func makeConn(d Dialect) func(connKey) conn {
	return func(k connKey) conn {
		c := conn{connKey: k}
		if k.tags != "" {
			if json.Unmarshal([]byte(k.tags), &c.tags) != nil {
				c.tags = nil // made by tagsJSON, so it is always good
			}
		}
		c.json = appendConn(nil, d, k)
		return c
	}
}

func makeUser(k userKey) user { return user{k, appendUser(nil, k)} }

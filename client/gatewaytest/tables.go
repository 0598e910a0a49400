package gatewaytest

import "encoding/json"

// table gives every distinct key a small number, and keeps what is made of it once.
type table[K comparable, V any] struct {
	made   []V
	number map[K]uint32
	make   func(K) V
}

func newTable[K comparable, V any](f func(K) V) table[K, V] {
	return table[K, V]{number: map[K]uint32{}, make: f}
}

func (t *table[K, V]) intern(k K) uint32 {
	n, ok := t.number[k]
	if !ok {
		n = uint32(len(t.made))
		t.made = append(t.made, t.make(k))
		t.number[k] = n
	}
	return n
}

func (t *table[K, V]) at(n uint32) V { return t.made[n] }

// blobs are interned pieces of JSON, number 0 being null.
type blobs struct{ table[string, string] }

func (b *blobs) raw(n uint32) json.RawMessage {
	if s := b.at(n); s != "" {
		return json.RawMessage(s)
	}
	return nil
}

// connKey is everything that a session says about its connection; tags are JSON, empty for null.
type connKey struct{ name, kind, subtype, resource, role, tags string }

// conn is a connection as some session saw it, with its part of the session's JSON.
type conn struct {
	connKey
	tags map[string]string
	json []byte
}

// userKey is everything that a session says about its user.
type userKey struct{ email, id, name string }

type user struct {
	userKey
	json []byte
}

// tagsJSON is the tags in the order in which gateways write them: by key.
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

// Package shard divides the gateways of one configuration among several exporters, so that each can tell without asking the others which
// ones are its own, and where all others are. It is pure.
package shard

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Shard is one of several exporters that divide the gateways among them. The zero value is no shard: it has everything.
type Shard struct {
	// Index is which one it is, from 0; Total how many there are.
	Index, Total int
}

// Of returns the shard that the flags name: index, or the one that a pod's name tells. The errors name the flags.
func Of(total, index int64, pod, address string) (s Shard, err error) {
	if s.Total = int(total); total < 1 || total > most {
		return s, fmt.Errorf("--shard.total: %d shards: there have to be 1 to %d", total, most)
	}
	from := "--shard.index"
	if s.Index = int(index); pod != "" {
		from = "--shard.from-pod-name"
		if s.Index, err = Ordinal(pod); err != nil {
			return s, fmt.Errorf("%s: %w", from, err)
		}
		index = int64(s.Index)
	}
	if index < 0 || index >= total {
		return s, fmt.Errorf("%s: there is no shard %d of %d: they go from 0 to %d", from, index, total, total-1)
	}
	if address != "" || total > 1 {
		if err := checkAddress(address, s.Total); err != nil {
			return s, fmt.Errorf("--shard.address: %w", err)
		}
	}
	return s, nil
}

// most is how many shards there can be: at each reload every address is hashed with every shard.
const most = 10_000

// Owns tells whether the gateways at an address are this shard's.
func (s Shard) Owns(address string) bool { return s.Total <= 1 || Owner(address, s.Total) == s.Index }

// Owner is the index of the shard that has the gateways at an address: by rendezvous hashing, the one whose hash with the address is the
// highest. With one shard more, only those addresses move for which the new one's is. All gateways of one address have one owner, for only within
// a process can they take turns. Which hash it is, is a promise: another one would move nearly everything.
func Owner(address string, total int) int {
	owner, highest := 0, uint64(0)
	for i := range total {
		sum := sha256.Sum256([]byte(strconv.Itoa(i) + " " + address))
		if h := binary.BigEndian.Uint64(sum[:]); i == 0 || h > highest {
			owner, highest = i, h
		}
	}
	return owner
}

// Ordinal is the number at the end of the name of a pod of a StatefulSet, such as 2 of hoop-exporter-2.
func Ordinal(pod string) (int, error) {
	i := strings.LastIndexByte(pod, '-')
	n, err := strconv.Atoi(pod[i+1:])
	if i < 1 || err != nil || n < 0 || strconv.Itoa(n) != pod[i+1:] {
		return 0, fmt.Errorf("%q does not end in a number as the names of a StatefulSet's pods do, such as hoop-exporter-2", pod)
	}
	return n, nil
}

// placeholder stands for the index in an address of shards.
const placeholder = "{index}"

// checkAddress tells what is wrong with the address of shards.
func checkAddress(template string, total int) error {
	if template == "" {
		return fmt.Errorf("say where the shards are, such as hoop-exporter-%s.hoop-exporter:10068, so that each can tell it", placeholder)
	}
	if total > 1 && !strings.Contains(template, placeholder) {
		return fmt.Errorf("%q is the same for all shards: write %s where a shard's index belongs", template, placeholder)
	}
	host, port, err := net.SplitHostPort(Address(template, 0))
	if err != nil || host == "" || port == "" || strings.ContainsAny(host, "/{}@ ") {
		return fmt.Errorf("%q is no address: write host:port, such as hoop-exporter-%s.hoop-exporter:10068", template, placeholder)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("%q is no address: its port has to be a number from 1 to 65535", template)
	}
	return nil
}

// Address is where the shard of an index is, by a template such as hoop-exporter-{index}.hoop-exporter:10068.
func Address(template string, index int) string {
	return strings.ReplaceAll(template, placeholder, strconv.Itoa(index))
}

package web

import (
	"net/http"
	"strconv"
	"strings"
)

// acceptEncoding is the header with the compressions that a client accepts.
const acceptEncoding = "Accept-Encoding"

// withEncodings returns the request with only the compressions that its client accepts. Those with weight 0, which it refuses, promhttp
// takes for an error when nothing else is accepted; without them it sends the answer as it is.
func withEncodings(r *http.Request) *http.Request {
	var accepted []string
	for entry := range strings.SplitSeq(strings.Join(r.Header[acceptEncoding], ","), ",") {
		name, weight, _ := strings.Cut(entry, ";")
		name, weight = strings.TrimSpace(name), strings.ToLower(strings.ReplaceAll(weight, " ", ""))
		q := 1.0
		if weight != "" {
			var err error
			if q, err = strconv.ParseFloat(strings.TrimPrefix(weight, "q="), 64); err != nil {
				continue
			}
		}
		if name != "" && q >= 0.001 && q <= 1 { // weights have three decimals
			accepted = append(accepted, name+";q="+strconv.FormatFloat(q, 'f', 3, 64))
		}
	}
	same := *r
	same.Header = r.Header.Clone()
	same.Header.Set(acceptEncoding, strings.Join(accepted, ", "))
	return &same
}

package gatewaytest

// sighting is what an answer says about a session that later matters to what must be counted.
type sighting struct {
	row        uint32
	unfinished bool
}

func (g *Gateway) sight(i uint32) sighting { return sighting{row: i} }

func (g *Gateway) saw(all []sighting, at int64) {}

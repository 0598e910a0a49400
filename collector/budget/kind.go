package budget

// Kind is the purpose of a request. Each kind has its own portion of a share.
type Kind int

// The kinds, in the order in which a refresh sends their requests.
const (
	// Head is for new sessions.
	Head Kind = iota
	// Pending is for the list of pending reviews.
	Pending
	// Recheck is for unfinished sessions.
	Recheck
	// Backfill is for the unread past, and for requests that no other kind fits.
	Backfill
	kinds // how many there are
)

// String is the kind's name in logs.
func (k Kind) String() string { return [...]string{"head", "pending", "recheck", "backfill"}[k] }

// portion is the fraction of a share that a kind has.
func (k Kind) portion() float64 { return [...]float64{0.4, 0.2, 0.2, 0.2}[k] }

// Package planner decides which request to send to the gateway next, and applies the responses to the ledger. It does no I/O and never
// reads the clock: the caller passes the time. The transcripts in testdata show what a refresh requests, as stories.
//
// Invariants:
//   - A span of time leaves the unread coverage only when every session that starts in it has been received. After a failed request it
//     stays unread.
//   - The watermark moves only when every session that was visible at the head page is known: because the gateway's total of the window
//     (the field total of a list response) equals the number of known sessions, or because the window has been read down to its start.
//     Exception: after a pause longer than the allowed lateness, or when the watermark lags by more than four times that, the watermark
//     jumps, and the skipped time becomes a gap. The watermark also stays while the gateway counts fewer sessions in the window of the
//     last page than are known: gateways delete nothing, so others may be hidden, too, and appear later.
//   - A request is sent only if the budget and the retry group of its task allow it. What is not requested now is requested later, and
//     nothing that is counted depends on when.
//
// A refresh requests, in this order:
//  1. The head page: the newest page of all sessions, from the watermark to an hour ahead. It shows what is new. If it fails, the refresh
//     ends.
//  2. Once an hour, the first page of the old pending reviews, those from before the lookback.
//  3. The pending page: the newest page of the pending reviews.
//  4. The rest of the head: first the gap between the head page and the previous head. Then, if the total differs from the number of known
//     sessions in the window, a late scan reads on below, because some sessions became visible late. It starts at most every 15 seconds; if
//     totals are unreliable, every half allowed lateness. A scan of more pages than its portion of the budget allows takes several
//     refreshes.
//  5. The rest of the two lists of pending reviews, if their totals differ from the number of known pending reviews.
//  6. Rechecks of unfinished sessions that are due, by reading the page in which each lies or, if that takes less time, by ID. If the
//     budget does not suffice for all, the most overdue ones go first by ID, and pages are read in rounds.
//
// Between refreshes the unread coverage is read, newest first: what is left of an interrupted walk, gaps after a stop, and the backfill of
// the first run. All of these are walks: a window of time is read page by page from its end down to its start, in as many refreshes as
// needed.
package planner

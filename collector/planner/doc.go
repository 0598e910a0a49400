// Package planner decides what to ask the gateway next, and hands what the answers say to the ledger. It is pure: it makes no requests and
// holds no clock. The transcripts in testdata show what it asks, as stories.
//
// What always holds:
//   - A stretch of time leaves the unread coverage only when all rows that start in it have been on a page. An answer that fails leaves it there.
//   - The watermark moves only when every session that was visible at the newest page is known: because the gateway's total of the window equals the
//     number of known sessions, or because the window has been read down to its start. Only after a stop longer than the allowed lateness it moves at once;
//     what lies below it is unread coverage then.
//   - A request is made only where the budget and the retry group of its task allow that. What is not asked now is asked later, and nothing depends
//     on when.
//
// A refresh asks, in this order:
//  1. The head page: the newest page of all sessions from the watermark to an hour ahead. It shows what is new. If it fails, the refresh ends.
//  2. The pending page: the newest page of the pending reviews. If the gateway's total differs from the pending reviews that are known, the rest of the
//     list is read, too. Once an hour, reviews from before the lookback have a list of their own.
//  3. The rest of the head: first the gap between the head page and the last head. Then, if the total differs from the sessions known in the window, a
//     late scan reads on below, because some rows came late: at most every 15 seconds, and, where totals are no guide, once in half of the allowed
//     lateness. A scan of more pages than its portion of the budget allows is spread over several refreshes.
//  4. Rechecks of unfinished sessions that are due, by reading the page in which each lies or, where that takes less time, by ID. If the budget does not
//     suffice for all, the most overdue ones go first by ID, and pages are read in rounds.
//
// Between refreshes the unread coverage is read, the newest first: what is left of an interrupted walk, gaps after a stop, and the backfill of the
// first run. All of these are walks: a window of time is read page by page from its end down to its start, in as many refreshes as it takes.
package planner

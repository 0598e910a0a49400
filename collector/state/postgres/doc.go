// Package postgres keeps the states, members and leases of a cluster of processes in a schema of a PostgreSQL database.
//
// Every operation is one statement, or one pipeline of statements that the server executes as one transaction without waiting for the
// client. So a process that stops at any point leaves no transaction open behind it. All transactions are READ COMMITTED, whatever the
// default of the database is; three rules make them right:
//
//   - Whatever changes leases ([Database.Acquire], [Database.Release], [Database.Leave]) first takes an advisory lock, so that there is one
//     change at a time.
//   - Whatever writes a state first locks the row of its lease FOR SHARE, and then the row of the state. Of a write and a change of the
//     lease, the later one waits for the earlier one; PostgreSQL then checks its condition again, on the newest version of the row.
//   - The order of locks is: advisory lock, members, leases, states. Without the advisory lock, only a heartbeat locks a member, and it locks
//     nothing else; everything else locks at most one row of leases and one of states. So there is no deadlock.
package postgres

// Package postgres keeps the states, members and leases of a cluster of processes in a schema of a PostgreSQL database.
//
// Every operation is one statement, or one pipeline of statements that the server executes as one transaction without waiting for the client. So
// a process that stops at any point leaves no transaction open behind it. All transactions are READ COMMITTED, whatever the default
// of the database is; three rules make them right:
//
//   - Who changes leases ([Database.Acquire], [Database.Release], [Database.Leave]) first takes an advisory lock, so there is one at a time.
//   - Who writes a state first locks its lease's row FOR SHARE, and then the state's row. A change of the lease waits for it, and it waits for a
//     change of the lease; PostgreSQL then checks the condition again, on the newest version of the row.
//   - Locks are taken in the order advisory lock, members, leases, states. Of members, only a beat takes a lock without the advisory one, and it
//     takes no other. Of leases and states, who has no advisory lock takes one row each. So there is no deadlock.
package postgres

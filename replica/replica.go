// Package replica keeps a full copy of the records of a database in memory, and answers from it: no request of a mail program waits for the
// database, and a name that is not configured costs no query.
//
// Nine of ten records say nothing but which profile they inherit from. A name therefore costs little more than its own text: table.go
// has the names in blocks of memory that the garbage collector does not look into, and settings are made when a client asks for them, and
// kept while they are needed.
//
// The files, in the order in which they are best read:
//
//   - table.go, shard.go: names and values, compact and immutable
package replica

package edits

// ReadAtMost is Read with another limit.
var ReadAtMost = read

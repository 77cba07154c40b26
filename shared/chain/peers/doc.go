// Package peers holds davit's packages for Ethereum beside go-ethereum and beside Project Wycheproof: tests that they
// agree on real blocks and on made-up ones, and tests against a real node in the same process. It is a module of its own,
// so that none of that is a dependency of davit.
package peers

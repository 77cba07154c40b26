// Package peers holds the packages of davit that hash beside other libraries: tests that both agree, and benchmarks. It is
// a module of its own, so that those libraries are no dependencies of davit.
package peers

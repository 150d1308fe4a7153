// Package naturalsort stands in for the package of the same name that swarm
// imports and that cannot be had any more. Swarm lists its engines with it, so
// that node9 comes before node10.
package naturalsort

import "strings"

// NaturalSort orders strings by their text, and runs of digits in them by value.
type NaturalSort []string

func (s NaturalSort) Len() int           { return len(s) }
func (s NaturalSort) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s NaturalSort) Less(i, j int) bool { return less(s[i], s[j]) }

func less(a, b string) bool {
	for a != "" && b != "" {
		x, y := digits(a), digits(b)
		if x == "" || y == "" {
			if a[0] != b[0] {
				return a[0] < b[0]
			}
			a, b = a[1:], b[1:]
			continue
		}
		a, b = a[len(x):], b[len(y):]
		x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
		if len(x) != len(y) {
			return len(x) < len(y)
		}
		if x != y {
			return x < y
		}
	}
	return len(a) < len(b)
}

// digits returns the digits that s starts with.
func digits(s string) string {
	return s[:len(s)-len(strings.TrimLeft(s, "0123456789"))]
}

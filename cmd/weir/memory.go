package main

import "runtime/debug"

// gcPercent is how much garbage a server lets grow before it collects, in percent of what is alive. Half of Go's default:
// what a thousand proxies push would otherwise take a third more memory, for a few percent of CPU.
const gcPercent = 50

// saveMemory is for commands that serve. Who sets GOGC decides for themselves.
func (a *app) saveMemory() {
	if a.getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

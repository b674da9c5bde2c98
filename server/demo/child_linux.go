package demo

import "syscall"

// childAttributes has an Envoy killed when the demo dies in any way, and keeps the terminal's Ctrl-C from it: the load
// stops first.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

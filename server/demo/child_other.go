//go:build !linux

package demo

import "syscall"

// childAttributes keeps the terminal's Ctrl-C from an Envoy: the load stops first.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

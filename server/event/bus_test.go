package event

import "testing"

func TestBusDeliversAndNeverBlocks(t *testing.T) {
	var bus Bus[int]
	fast, slow := bus.Subscribe(3), bus.Subscribe(1)
	for i := range 3 {
		bus.Publish(i)
	}
	for want := range 3 {
		if got := <-fast.C; got != want {
			t.Errorf("fast subscriber got %d, want %d", got, want)
		}
	}
	if fast.Missed() {
		t.Error("the fast subscriber missed something")
	}
	if got := <-slow.C; got != 0 || !slow.Missed() || slow.Missed() {
		t.Errorf("the slow subscriber got %d; it must keep the first and be told once that it missed others", got)
	}
	fast.Close()
	fast.Close()
	bus.Publish(9)
	if _, open := <-fast.C; open {
		t.Error("a closed subscription received")
	}
}

package page

// Outage says that the database is out of reach: what works all the same, and what does not.
type Outage struct {
	Since, ISO string // the moment at which it last answered, in words and for machines
	Proxies    int    // that are connected to the replica that answers
	Others     int    // replicas that were there besides
}

// Replicas are the processes of the installation, and those that went lately.
type Replicas struct {
	Shared  bool // false: there is one, with a database of its own
	Rows    []ReplicaRow
	Live    int
	Mixed   bool // those that live are of several versions
	Steward bool // it is known who acts
}

// ReplicaRow is one replica.
type ReplicaRow struct {
	ID, Name, Version      string
	State                  string // "live", "lost", "stopped", "unknown"
	Here, Steward          bool
	Proxies                int
	Heard                  string // how long ago; "" for the one that answers
	Started, StartedMoment string
	Missing                []string // of its proxies, those that are connected nowhere since it went: the first few
	More                   int      // of them, besides
}

// level is a replica's state as states of sources are coloured.
func (r ReplicaRow) level() string {
	switch r.State {
	case "live":
		return "ok"
	case "lost":
		return "down"
	}
	return "idle"
}

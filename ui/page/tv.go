package page

import "github.com/weirmesh/weir/server/mesh"

// TV is the wall display: what is wrong, to be read from across the room, with nothing to click.
type TV struct {
	Topology
	Verdict  mesh.Health
	Counts   HealthCounts
	Problems int    // calls beyond their limits
	Rotate   int    // seconds until the next mesh; zero: never
	Next     string // its address
}

// verdict is the state of the mesh in a few large words.
func (p TV) verdict() string {
	if p.Problems > 0 {
		return p.L.N("tv.problems", p.Problems)
	}
	return Overview{Shell: p.Shell, Counts: p.Counts, Verdict: p.Verdict}.verdict()
}

// level is the verdict's colour. A problem that no service answers for yet is one all the same.
func (p TV) level() mesh.Health {
	if p.Problems > 0 && p.Verdict != mesh.Unhealthy {
		for _, path := range p.Paths {
			if path.Health == mesh.Unhealthy {
				return mesh.Unhealthy
			}
		}
		return mesh.Degraded
	}
	return p.Verdict
}

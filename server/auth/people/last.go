package people

import (
	"errors"
	"slices"

	"github.com/weirmesh/weir/server/mesh"
)

// ErrLastAdmin is in the chain of the conflict that taking away the last administrator of all of Weir leads to.
var ErrLastAdmin = errors.New("nobody could manage Weir any more")

// somebodyManages refuses a state in which nobody can sign in as an administrator of all of Weir.
func somebodyManages(all []Person) error {
	if slices.ContainsFunc(all, Person.Manages) {
		return nil
	}
	return &mesh.Error{
		Code: mesh.Conflict, Err: ErrLastAdmin,
		Message: "nobody else can sign in as an administrator of all of Weir: make somebody one first, and have them sign in",
	}
}

func lastAdmin(err error) bool { return errors.Is(err, ErrLastAdmin) }

package page

import "strconv"

// Desk is what stands around every form that changes something: the edit that its reader has begun, who else is at it,
// and why it cannot be sent.
type Desk struct {
	Form    string // which form of the object it is: "timeout"
	Action  string // where the form is sent for its review; drafts go to Action + "/draft"
	Draft   string // where drafts go; "" when none are kept
	Token   string // of this window, so that another one's draft is not overwritten unseen
	Over    string // the token of the draft that this form was filled from
	Began   *Began // nil: the form shows what is in force
	Others  []string
	Refusal string // why this reader may change nothing; "": they may
}

// Began is an edit that was begun earlier and is filled in.
type Began struct {
	Said    string // since when, and when it was touched last
	Stale   bool   // the object has changed since
	Unsaved string // what could not be kept, in words; "" when it is kept
}

// Knob is a form made of fields and of lists of rows.
type Knob struct {
	Desk
	Name   string // "timeout", "retry", "match" …
	ID     string // of the element; unique on the page
	Title  string
	Now    string // what is in force, in a few words
	Lead   string // a sentence before the fields; "" for none
	Open   bool   // it is not folded away
	Danger bool   // it takes something away
	Hidden []Field
	// Switch turns everything below it on; nil: there is nothing to turn on.
	Switch  *KnobField
	Fields  []KnobField
	Lists   []KnobList
	Version int64
	Was     string // the fields as they were in force when the form was first drawn, encoded
	Error   string
	Review  string // what its button says
}

// KnobField is one field of a Knob.
type KnobField struct {
	Name        string
	Kind        string // "text", "number", "select", "checks", "switch" or "fixed"
	Label       string
	About       string // what it means or what an empty field means; "" for nothing
	Unit        string
	Value       string
	Placeholder string
	Options     []KnobOption // of "select" and "checks"
	Error       string
}

// KnobOption is one choice of a field.
type KnobOption struct {
	Value, Label string
	On           bool
}

// KnobList is rows of the same fields.
type KnobList struct {
	Name    string // fields are called NAME.ROW.FIELD
	Title   string
	Add     string // what the button says that adds a row; "" when rows are not added
	Move    bool   // rows have an order that can be changed
	Fixed   bool   // rows are not removed
	Rows    []KnobRow
	Blank   KnobRow // for script to copy; its row is "#"
	Nothing string  // what an empty list means
	Error   string
}

// KnobRow is one row of a KnobList.
type KnobRow struct {
	Label  string // for those who hear it
	Note   string // what there is to say about it; "" for nothing
	Level  string // "full" marks a note that warns
	Fields []KnobField
}

// Words are the fields in words, a name and a value each, as reviews and conflicts tell them.
func (k Knob) Words(none string) []Field {
	var list []Field
	if k.Switch != nil {
		if k.Switch.Value == "" {
			return []Field{{Name: k.Switch.Label, Value: none}}
		}
	}
	for _, f := range k.Fields {
		list = append(list, Field{Name: f.Label, Value: f.words(none)})
	}
	for _, l := range k.Lists {
		for i, row := range l.Rows {
			words := ""
			for _, f := range row.Fields {
				if w := f.words(""); w != "" && (f.Kind != "switch" || f.Value != "") {
					if words != "" {
						words += " "
					}
					words += w
				}
			}
			if words != "" {
				list = append(list, Field{Name: l.label(i), Value: words})
			}
		}
	}
	return list
}

func (f KnobField) words(none string) string {
	words := ""
	switch f.Kind {
	case "select", "checks":
		for _, o := range f.Options {
			if o.On || f.Kind == "select" && o.Value == f.Value {
				if words != "" {
					words += ", "
				}
				words += o.Label
			}
		}
	case "switch":
		if f.Value != "" {
			words = f.Label
		}
	default:
		if words = f.Value; words != "" && f.Unit == "%" { // a time has its unit in it
			words += " " + f.Unit
		}
	}
	if words == "" {
		return none
	}
	return words
}

// label names a row among its list's: by its place, or where a row is known by what it holds, by that.
func (l KnobList) label(i int) string {
	switch {
	case l.Move:
		return l.Title + " " + strconv.Itoa(i+1)
	case l.Name == "target":
		return l.Rows[i].Label
	}
	return l.Rows[i].Label + " " + strconv.Itoa(i+1)
}

// button is the value that a button of a row sends.
func (l KnobList) button(verb string, row string) string { return verb + ":" + l.Name + ":" + row }

// slug makes an id of a field's name.
func (k Knob) slug(name string) string {
	b := []byte(k.ID + "-" + name)
	for i, c := range b {
		if c == '.' || c == '#' {
			b[i] = '-'
		}
	}
	return string(b)
}

func (f KnobField) inputMode() string {
	if f.Kind == "number" {
		return "numeric"
	}
	return "text"
}

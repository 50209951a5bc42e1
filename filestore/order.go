package filestore

import "slices"

// order is the names of the tables of one kind in a file, if they are sorted there: new ones are then put among them.
type order struct {
	names    []string
	unsorted bool
}

type orderKey struct{ file, table string }

// order returns the order of tables such as domains in a file as it is planned.
func (p *planner) order(file, table string) *order {
	o := p.orders[orderKey{file, table}]
	if o == nil {
		o = new(order)
		for _, t := range p.layouts[file].order {
			if t.table == table {
				o.names = append(o.names, t.name)
			}
		}
		o.unsorted = !slices.IsSorted(o.names)
		p.orders[orderKey{file, table}] = o
	}
	return o
}

// add adds a table, and returns the one that it should follow; none for the last one.
func (o *order) add(name string) []string {
	if o.unsorted {
		return nil
	}
	i, _ := slices.BinarySearch(o.names, name)
	o.names = slices.Insert(o.names, i, name)
	if i == 0 {
		o.unsorted = len(o.names) > 1
		return nil
	}
	return o.names[i-1 : i]
}

// remove removes a table.
func (o *order) remove(name string) {
	if i, ok := slices.BinarySearch(o.names, name); ok && !o.unsorted {
		o.names = slices.Delete(o.names, i, i+1)
	}
}

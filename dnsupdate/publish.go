package dnsupdate

import (
	"context"
	"errors"
	"fmt"
	"io"

	"mailhint/dnsrecords"
	"mailhint/resolver"
	"mailhint/spelling"
)

// Publication publishes the records of domains, and tells somebody about it.
type Publication struct {
	Updater *Updater
	Records []dnsrecords.Wanted
	// Replace removes records that are in the way.
	Replace bool
	// DryRun only shows what would be changed.
	DryRun bool
	// JSON prints the result for programs.
	JSON bool
	// Unresolved are messages about hosts of the records that have no address; empty if all have one.
	Unresolved []byte
	// Agree is asked before anything is changed; nil to agree.
	Agree func(question string) (bool, error)
	// Progress begins work on a number of domains. It returns what to call for each of them, and at the end.
	Progress func(total int) (step, done func())
	// Out gets the plan and the result, and Messages what went wrong.
	Out, Messages io.Writer
}

var (
	// ErrIncomplete means that a zone does not have all the records it should have, or that hosts have no address. Why has been told.
	ErrIncomplete = errors.New("not all records are published")
	// ErrUnanswered means that a name server did not answer, so that the state of its zone is not known. That has been told, too.
	ErrUnanswered = errors.New("a name server does not answer")
)

// Publish plans the changes, shows them, makes those that are agreed to, and prints the result. Its error is ErrIncomplete, ErrUnanswered, or
// what keeps it from printing or asking.
func (p Publication) Publish(ctx context.Context) error {
	step, done := p.Progress(len(p.Records))
	plans := p.Updater.Plan(ctx, p.Records, p.Replace, step)
	done()
	reported := make(map[int]bool)
	p.report(plans, reported)
	if _, err := p.Messages.Write(p.Unresolved); err != nil {
		return err
	}
	if !p.JSON {
		if err := PrintPlan(p.Out, plans); err != nil {
			return err
		}
	}
	agreed, err := p.agreed(plans)
	if err != nil {
		return err
	}
	if agreed {
		step, done := p.Progress(len(plans))
		p.Updater.Apply(ctx, plans, step)
		done()
		p.report(plans, reported)
	}
	if p.JSON {
		err = PrintJSON(p.Out, plans)
	} else {
		_, err = fmt.Fprintln(p.Out, Summary(plans))
	}
	switch {
	case err != nil:
		return err
	case len(p.Unresolved) > 0:
		return ErrIncomplete
	}
	return outcomeOf(plans)
}

// report tells the errors of plans that have not been told.
func (p Publication) report(plans []Plan, reported map[int]bool) {
	for i, plan := range plans {
		if plan.Err != nil && !reported[i] {
			reported[i] = true
			fmt.Fprintf(p.Messages, "%s: %v\n", plan.Domain, plan.Err)
		}
	}
}

// agreed reports whether to make the changes, of which there are some.
func (p Publication) agreed(plans []Plan) (bool, error) {
	changes := 0
	for _, plan := range plans {
		if plan.Err == nil {
			changes += plan.Changes()
		}
	}
	if p.DryRun || changes == 0 || p.Agree == nil {
		return !p.DryRun && changes > 0, nil
	}
	return p.Agree("Make " + spelling.Count(changes, "change") + "?")
}

// outcomeOf is ErrIncomplete if a zone does not have all it should, else ErrUnanswered if a name server does not answer.
func outcomeOf(plans []Plan) error {
	var outcome error
	for _, p := range plans {
		switch {
		case errors.Is(p.Err, resolver.ErrFailed):
			outcome = ErrUnanswered
		case p.Err != nil, len(p.Left) > 0, p.Changes() > 0 && !p.Done:
			return ErrIncomplete
		}
	}
	return outcome
}

package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show this binary's version", Args: cobra.NoArgs,
		RunE: does(func(context.Context, []string) error {
			_, err := fmt.Fprintln(a.stdout, "weir "+version())
			return err
		}),
	}
}

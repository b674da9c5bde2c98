package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/weirmesh/weir/ent"
)

// channel is what replicas wake each other by.
const channel = "weir_notices"

// announce wakes the followers of all replicas once the transaction is committed.
func (*pgEngine) announce(ctx context.Context, tx *ent.Tx) error {
	_, err := tx.ExecContext(ctx, "NOTIFY "+channel)
	return err
}

// listener has a connection of its own.
func (e *pgEngine) listener() listener { return &pgListener{engine: e} }

type pgListener struct {
	engine *pgEngine
	conn   *pgx.Conn
}

// wait connects if need be, and then says at once that something may be new: who does not listen hears nothing.
func (l *pgListener) wait(ctx context.Context, wake <-chan struct{}) error {
	bounded, cancel := context.WithTimeout(ctx, pollEvery)
	defer cancel()
	if l.conn == nil {
		err := l.connect(ctx)
		if err != nil {
			<-bounded.Done()
		}
		return err
	}
	woken := make(chan struct{})
	go func() { // it ends with this call
		defer close(woken)
		select {
		case <-wake:
			cancel()
		case <-bounded.Done():
		}
	}()
	_, err := l.conn.WaitForNotification(bounded)
	ended := bounded.Err() != nil
	cancel()
	<-woken
	if err == nil || ended && !l.conn.IsClosed() {
		return ctx.Err()
	}
	l.close()
	return err
}

func (l *pgListener) connect(ctx context.Context) error {
	conn, err := l.engine.connected(ctx)
	if err != nil {
		return err
	}
	l.conn = conn
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		l.close()
		return err
	}
	return nil
}

func (l *pgListener) close() {
	if l.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = l.conn.Close(ctx) // it may be gone already
	l.conn = nil
}

// Package cache remembers what was read, for a bounded number of keys and a bounded time.
package cache

import (
	"container/list"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// Cache remembers a bounded number of values for the life of the process and forgets the least recently used first. It is
// safe for concurrent use.
type Cache[V any] struct {
	mutex    sync.Mutex
	limit    int
	lifetime time.Duration
	now      func() time.Time
	order    *list.List
	elements map[string]*list.Element
	reads    singleflight.Group
}

type cached[V any] struct {
	key   string
	value V
	at    time.Time
}

// New makes a cache of at most limit values, each for at most lifetime; a lifetime of 0 has no end.
func New[V any](limit int, lifetime time.Duration) *Cache[V] {
	return &Cache[V]{
		limit: limit, lifetime: lifetime, now: time.Now, order: list.New(), elements: map[string]*list.Element{},
	}
}

// Fetch answers what is remembered under the key, or else what read answers, which is remembered unless it failed. Those
// who ask for one key at the same time share one read.
func (c *Cache[V]) Fetch(key string, read func() (V, error)) (V, error) {
	if known, found := c.get(key); found {
		return known, nil
	}
	value, err, _ := c.reads.Do(key, func() (any, error) {
		value, err := read()
		if err == nil {
			c.Put(key, value)
		}
		return value, err
	})
	return value.(V), err
}

// Forget has the key read again.
func (c *Cache[V]) Forget(key string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if element, found := c.elements[key]; found {
		c.order.Remove(element)
		delete(c.elements, key)
	}
}

func (c *Cache[V]) get(key string) (value V, found bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	element, found := c.elements[key]
	if !found {
		return value, false
	}
	entry := element.Value.(cached[V])
	if c.lifetime > 0 && c.now().Sub(entry.at) >= c.lifetime {
		c.order.Remove(element)
		delete(c.elements, key)
		return value, false
	}
	c.order.MoveToFront(element)
	return entry.value, true
}

// Put remembers the value under the key.
func (c *Cache[V]) Put(key string, value V) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	entry := cached[V]{key: key, value: value, at: c.now()}
	if element, found := c.elements[key]; found {
		element.Value = entry
		c.order.MoveToFront(element)
		return
	}
	c.elements[key] = c.order.PushFront(entry)
	if c.order.Len() > c.limit {
		oldest := c.order.Back()
		c.order.Remove(oldest)
		delete(c.elements, oldest.Value.(cached[V]).key)
	}
}

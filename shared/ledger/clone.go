package ledger

import "slices"

// Clone is a copy of the record that shares nothing with it.
func (r Record) Clone() Record {
	r.Repositories = slices.Clone(r.Repositories)
	r.Good = slices.Clone(r.Good)
	r.SetAside = slices.Clone(r.SetAside)
	r.PassedOver = clonePointer(r.PassedOver)
	if r.PassedOver != nil {
		r.PassedOver.Images, r.PassedOver.Forgiven = slices.Clone(r.PassedOver.Images), slices.Clone(r.PassedOver.Forgiven)
	}
	r.Rollout = clonePointer(r.Rollout)
	if r.Rollout != nil {
		r.Rollout.Containers = slices.Clone(r.Rollout.Containers)
		r.Rollout.Evidence = slices.Clone(r.Rollout.Evidence)
		r.Rollout.Request = clonePointer(r.Rollout.Request)
	}
	r.Hold = clonePointer(r.Hold)
	r.Request = clonePointer(r.Request)
	r.Refusal = clonePointer(r.Refusal)
	r.Announcements = slices.Clone(r.Announcements)
	r.Recovery = r.Recovery.Clone()
	r.Scaling = r.Scaling.Clone()
	return r
}

// Clone is a copy of the entry that shares nothing with it.
func (e Entry) Clone() Entry {
	e.Image = clonePointer(e.Image)
	e.Evidence = slices.Clone(e.Evidence)
	return e
}

func clonePointer[T any](pointer *T) *T {
	if pointer == nil {
		return nil
	}
	copied := *pointer
	return &copied
}

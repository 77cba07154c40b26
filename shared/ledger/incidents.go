package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Items of incidents, beside those of the workloads:
//
//	pk                sk              attributes
//	incidents         INCIDENT        incident (S), expires (N)
//	fleet             fleet           version (N), fleet (S)
//
// The incident's own item is a copy for whoever lists them; the record decides.
const (
	incidentsPartition = "incidents"
	fleetPartition     = "fleet"
	fleetKey           = "fleet"

	attributeIncident = "incident"
	attributeFleet    = "fleet"
)

// MaximumListed is how many incidents one call of Incidents answers.
const MaximumListed = 1000

// ErrNoIncident is wrapped by the error of a look for an incident that the ledger does not have.
var ErrNoIncident = errors.New("no such incident")

// WriteIncidents is Write for what concerns incidents: in the same transaction it stores the copies of the incidents for
// those who list them.
func (l *Ledger) WriteIncidents(ctx context.Context, record Record, incidents []Incident, entries ...Entry) (Record, error) {
	copies := make([]types.TransactWriteItem, 0, len(incidents))
	for _, incident := range incidents {
		encoded, err := json.Marshal(incident)
		if err != nil {
			return Record{}, fmt.Errorf("encode incident %s of %s: %w", incident.ID, record.Workload, err)
		}
		if incident.ID == "" || len(encoded) > MaximumBytes {
			return Record{}, fmt.Errorf("write an incident of %s: %w: it has no ID, or %d bytes", record.Workload, ErrTooLarge,
				len(encoded))
		}
		stored := key(incidentsPartition, incident.ID)
		stored[attributeIncident] = textValue(string(encoded))
		stored[attributeExpires] = l.expiry(l.now())
		copies = append(copies, l.put(stored))
	}
	return l.store(ctx, record, copies, entries)
}

// Incidents answers up to limit incidents, newest first; limit is 1 to MaximumListed. Empty before begins with the newest;
// to page on, give the ID of the last one.
func (l *Ledger) Incidents(ctx context.Context, limit int, before string) ([]Incident, error) {
	if limit < 1 || limit > MaximumListed {
		return nil, fmt.Errorf("list the incidents: limit %d is not 1 to %d", limit, MaximumListed)
	}
	input := &dynamodb.QueryInput{
		TableName:                 &l.table,
		ConsistentRead:            aws.Bool(true),
		ScanIndexForward:          aws.Bool(false),
		Limit:                     aws.Int32(int32(limit)), // #nosec G115 -- at most MaximumListed
		KeyConditionExpression:    aws.String("#partition = :partition"),
		ExpressionAttributeNames:  map[string]string{"#partition": attributePartition},
		ExpressionAttributeValues: item{":partition": textValue(incidentsPartition)},
	}
	if before != "" {
		input.KeyConditionExpression = aws.String("#partition = :partition AND #sort < :before")
		input.ExpressionAttributeNames["#sort"] = attributeSort
		input.ExpressionAttributeValues[":before"] = textValue(before)
	}
	var incidents []Incident
	for stored, err := range l.query(ctx, input) {
		if err != nil {
			return nil, fmt.Errorf("list the incidents of table %s: %w", l.table, err)
		}
		incident, err := decodeIncident(stored)
		if err != nil {
			return nil, err
		}
		if incidents = append(incidents, incident); len(incidents) == limit {
			break
		}
	}
	return incidents, nil
}

// Incident answers one incident by its ID, open or ended. Where there is none its error wraps ErrNoIncident.
func (l *Ledger) Incident(ctx context.Context, id string) (Incident, error) {
	output, err := l.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &l.table, Key: key(incidentsPartition, id), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return Incident{}, fmt.Errorf("read incident %s from table %s: %w", id, l.table, err)
	}
	if len(output.Item) == 0 {
		return Incident{}, fmt.Errorf("%w: %s", ErrNoIncident, id)
	}
	return decodeIncident(output.Item)
}

func decodeIncident(stored item) (Incident, error) {
	var incident Incident
	if err := json.Unmarshal([]byte(text(stored, attributeIncident)), &incident); err != nil {
		return Incident{}, fmt.Errorf("decode incident %s: %w", text(stored, attributeSort), err)
	}
	return incident, nil
}

// ReadFleet answers what is known of all workloads together; one never written has version 0.
func (l *Ledger) ReadFleet(ctx context.Context) (Fleet, error) {
	output, err := l.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &l.table, Key: key(fleetPartition, fleetKey), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return Fleet{}, fmt.Errorf("read the fleet from table %s: %w", l.table, err)
	}
	var fleet Fleet
	if len(output.Item) == 0 {
		return fleet, nil
	}
	if err := json.Unmarshal([]byte(text(output.Item, attributeFleet)), &fleet); err != nil {
		return Fleet{}, fmt.Errorf("decode the fleet in table %s: %w", l.table, err)
	}
	return fleet, nil
}

// WriteFleet stores the fleet with the version after its own, if the stored version is still the fleet's; else its error
// wraps ErrConflict. The answer is the fleet as it is stored.
func (l *Ledger) WriteFleet(ctx context.Context, fleet Fleet) (Fleet, error) {
	read := fleet.Version
	fleet.Version = read + 1
	encoded, err := json.Marshal(fleet)
	if err != nil {
		return Fleet{}, fmt.Errorf("encode the fleet: %w", err)
	}
	if len(encoded) > MaximumBytes {
		return Fleet{}, fmt.Errorf("write the fleet: %w: %d bytes, at most %d", ErrTooLarge, len(encoded), MaximumBytes)
	}
	put := &types.Put{TableName: &l.table, Item: key(fleetPartition, fleetKey)}
	put.Item[attributeVersion] = numberValue(fleet.Version)
	put.Item[attributeFleet] = textValue(string(encoded))
	if read == 0 {
		put.ConditionExpression = aws.String("attribute_not_exists(#partition)")
		put.ExpressionAttributeNames = map[string]string{"#partition": attributePartition}
	} else {
		put.ConditionExpression = aws.String("#version = :read")
		put.ExpressionAttributeNames = map[string]string{"#version": attributeVersion}
		put.ExpressionAttributeValues = item{":read": numberValue(read)}
	}
	if _, err := l.transact(ctx, []types.TransactWriteItem{{Put: put}}); err != nil {
		return Fleet{}, fmt.Errorf("write version %d of the fleet: %w", fleet.Version, err)
	}
	return fleet, nil
}

// IncidentID names an incident by its time and by what makes it the one it is. IDs sort by time.
func IncidentID(at time.Time, sum []byte) string {
	return fmt.Sprintf("inc-%s-%x", at.UTC().Format("20060102-150405"), sum[:min(len(sum), 4)])
}

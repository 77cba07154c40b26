package envelope_test

import (
	"encoding/json"
	"testing"
	"time"

	"davit/events/envelope"
)

func TestTimestampReadsEveryFormThatAWSWrites(t *testing.T) {
	want := time.Date(2019, time.October, 2, 17, 4, 40, 989_000_000, time.UTC)
	for _, text := range []string{"2019-10-02T17:04:40.989Z", "2019-10-02T17:04:40.989+0000", "2019-10-02T19:04:40.989+02:00",
		"2019-10-02T19:04:40.989+0200"} {
		var got envelope.Timestamp
		if err := json.Unmarshal([]byte(`"`+text+`"`), &got); err != nil || !got.Equal(want) {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	kept := envelope.Timestamp{Time: want}
	if err := json.Unmarshal([]byte("null"), &kept); err != nil || !kept.Equal(want) {
		t.Errorf("null: got %v, %v", kept, err)
	}
}

func TestTimestampRefusesWhatIsNone(t *testing.T) {
	for _, text := range []string{`""`, `"noon"`, `12`, `{}`, `"2019-10-02"`, `"0000-01-01T00:00:00+23:59"`,
		`"9999-12-31T23:59:59-0100"`} {
		var got envelope.Timestamp
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

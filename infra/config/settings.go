package config

// JSON is the settings as the functions read them from their SSM parameter, with the defaults written out. Settings
// that the functions would refuse are an error that names the field.
func (s Settings) JSON() (string, error) {
	document, err := s.Document().Encode()
	if err != nil {
		return "", err
	}
	return string(document), nil
}

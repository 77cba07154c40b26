// Package anchor is the command line of anchors: their proofs, and what verifies them.
package anchor

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"davit/cmd/davit/command"
	"davit/events/hashjob"
	"davit/shared/hashing"
	"davit/shared/hashing/merkle"
	jobs "davit/shared/hashjob"
	"davit/shared/hashjob/anchorproof"
	"davit/shared/hashjob/cloud"
	"davit/shared/names"
)

// maximumDocument is the largest proof or key that is read, in bytes.
const maximumDocument = 64 << 10

// Command is `davit anchor` with its subcommands.
func Command() *cobra.Command {
	parent := &cobra.Command{
		Use:   "anchor",
		Short: "Verify that a file was there when an anchor was signed",
		Long: `Verify that a file was there when an anchor was signed.

A hash job of kind "anchor" takes the digests of objects in S3, signs the root of their tree with a KMS key, and writes a
proof for each object under Object Lock. To verify one, the file, its proof and the public key are enough: no AWS account.`,
		Example: `  davit anchor public-key >davit.pem
  davit anchor proof records-2026-11-22 2026/11/22/invoice.pdf >invoice.proof.json
  davit anchor verify invoice.pdf --proof invoice.proof.json --public-key davit.pem`,
	}
	parent.AddCommand(verifyCommand(), keyCommand(), proofCommand(), transactionCommand())
	return parent
}

// verdict is the result of verify.
type verdict struct {
	Valid  bool   `json:"valid"`
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
	// The rest is of a proof that holds, and Reason of one that does not.
	Anchor string `json:"anchor,omitempty"`
	Signed string `json:"signed,omitempty"`
	Leaves uint64 `json:"leaves,omitempty"`
	Root   string `json:"root,omitempty"`
	Key    string `json:"key,omitempty"`
	// Transaction is the hash of the transaction of Ethereum that carries the root, and ChainID its network's number.
	Transaction string `json:"transaction,omitempty"`
	ChainID     uint64 `json:"chain_id,omitempty"`
	Reason      string `json:"reason,omitempty"`
}

func verifyCommand() *cobra.Command {
	var proofPath, keyPath, transactionPath string
	var asJSON bool
	verify := &cobra.Command{
		Use:   "verify FILE --proof PROOF --public-key KEY",
		Short: "Verify a file against its proof and the public key",
		Long: `Verify a file against its proof and the public key, without any network.

Get the public key by a way that you trust, not from where the proof comes from. The key is in PEM or DER. The exit code is 0
only if the file is what the proof is of, the proof leads to the root, and the root was signed with the key.

With --transaction it also says whether that transaction of Ethereum carries the root. Look its hash up where you trust what
you see: the time of its block does not depend on the signer.`,
		Example: `  davit anchor verify invoice.pdf --proof invoice.proof.json --public-key davit.pem
  davit anchor verify - --proof invoice.proof.json --public-key davit.pem --json <invoice.pdf
  davit anchor verify invoice.pdf --proof invoice.proof.json --public-key davit.pem --transaction transaction.json`,
		Args: func(given *cobra.Command, arguments []string) error {
			if proofPath == "" || keyPath == "" {
				return errors.New("--proof and --public-key are both needed")
			}
			return cobra.ExactArgs(1)(given, arguments)
		},
		RunE: func(given *cobra.Command, arguments []string) error {
			found, err := verifyFile(given, arguments[0], proofPath, keyPath)
			if err == nil && transactionPath != "" {
				if err = verifyTransaction(&found, transactionPath); err != nil { // what was asked for does not hold
					found.Valid, found.Reason = false, err.Error()
				}
			}
			if found.File == "" {
				return err
			}
			return errors.Join(show(given.OutOrStdout(), asJSON, found), err)
		},
	}
	verify.Flags().StringVar(&proofPath, "proof", "", "file of the proof")
	verify.Flags().StringVar(&keyPath, "public-key", "", "file of the public key, in PEM or DER")
	verify.Flags().StringVar(&transactionPath, "transaction", "", "file of the transaction that carries the root, as \"davit anchor transaction\" shows it")
	verify.Flags().BoolVar(&asJSON, "json", false, "write the result as JSON")
	return verify
}

// verifyFile answers a verdict with a File as soon as proof, key and file could be read.
func verifyFile(given *cobra.Command, path, proofPath, keyPath string) (verdict, error) {
	document, err := readSmall(proofPath)
	if err != nil {
		return verdict{}, err
	}
	proof, err := hashjob.ParseAnchorProof(document)
	if err != nil {
		return verdict{}, fmt.Errorf("%s: %w", proofPath, err)
	}
	encoded, err := readSmall(keyPath)
	if err != nil {
		return verdict{}, err
	}
	key, err := anchorproof.ParsePublicKey(encoded)
	if err != nil {
		return verdict{}, fmt.Errorf("%s: %w", keyPath, err)
	}
	digest, err := digestOf(given, path)
	if err != nil {
		return verdict{}, err
	}
	found := verdict{File: path, SHA256: hex.EncodeToString(digest[:])}
	statement, err := anchorproof.Verify(proof, digest, key)
	if err != nil {
		found.Reason = err.Error()
		return found, fmt.Errorf("%s: not verified: %w", path, err)
	}
	found.Valid, found.Anchor, found.Leaves, found.Key = true, statement.ID, statement.Leaves, key.String()
	found.Signed, found.Root = statement.At.Format(time.RFC3339), hex.EncodeToString(statement.Root[:])
	return found, nil
}

// verifyTransaction checks that the transaction in the file carries the root of the verdict.
func verifyTransaction(found *verdict, path string) error {
	document, err := readSmall(path)
	if err != nil {
		return err
	}
	var signed hashjob.SignedTransaction
	if err := json.Unmarshal(document, &signed); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	raw, err := hex.DecodeString(strings.TrimPrefix(signed.Raw, "0x"))
	if err != nil {
		return fmt.Errorf("%s: raw: %w", path, err)
	}
	root, err := merkle.ParseHash(found.Root)
	if err != nil {
		return err
	}
	hash, chainID, err := anchorproof.VerifyTransaction(raw, root)
	if err != nil {
		return fmt.Errorf("%s: not verified: %w", path, err)
	}
	found.Transaction, found.ChainID = hash.String(), chainID
	return nil
}

func readSmall(path string) ([]byte, error) {
	file, err := os.Open(path) // #nosec G304 -- the caller names the file
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	read, err := io.ReadAll(io.LimitReader(file, maximumDocument+1))
	if err != nil {
		return nil, err
	}
	if len(read) > maximumDocument {
		return nil, fmt.Errorf("%s: longer than %d bytes", path, maximumDocument)
	}
	return read, nil
}

// digestOf is the digest of the file's contents, or of standard input for "-".
func digestOf(given *cobra.Command, path string) ([sha256.Size]byte, error) {
	from := given.InOrStdin()
	if path != "-" {
		file, err := os.Open(path) // #nosec G304 -- the caller names the file
		if err != nil {
			return [sha256.Size]byte{}, err
		}
		defer func() { _ = file.Close() }() // it was only read
		from = file
	}
	hasher, err := hashing.New(hashing.SHA256)
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	digest, _, err := hasher.AppendReader(nil, from)
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("%s: %w", path, err)
	}
	return [sha256.Size]byte(digest), nil
}

func show(to io.Writer, asJSON bool, found verdict) error {
	if asJSON {
		encoder := json.NewEncoder(to)
		encoder.SetIndent("", "  ")
		return encoder.Encode(found)
	}
	if !found.Valid {
		return nil // the error says it
	}
	_, err := fmt.Fprintf(to, "%s was there when anchor %s was signed, at %s (the signer's clock).\nSHA-256 %s, one of %d; root %s; key %s.\n",
		found.File, found.Anchor, found.Signed, found.SHA256, found.Leaves, found.Root, found.Key)
	if err == nil && found.Transaction != "" {
		_, err = fmt.Fprintf(to, "The root is in the transaction %s on chain %d, if that is in a block: look there.\n", found.Transaction, found.ChainID)
	}
	return err
}

// publicKey is the result of public-key.
type publicKey struct {
	// PublicKey is the key in PEM, Key its fingerprint as verify shows it, and Region where its KMS key is.
	PublicKey string `json:"public_key"`
	Key       string `json:"key"`
	Region    string `json:"region"`
}

// showKey writes the key that KMS gives in DER: in PEM, or as JSON that holds that.
func showKey(to io.Writer, asJSON bool, public []byte, region string) error {
	block := &pem.Block{Type: "PUBLIC KEY", Bytes: public}
	if !asJSON {
		return pem.Encode(to, block)
	}
	key, err := anchorproof.ParsePublicKey(public)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(to)
	encoder.SetIndent("", "  ")
	return encoder.Encode(publicKey{PublicKey: string(pem.EncodeToMemory(block)), Key: key.String(), Region: region})
}

// documentIsJSON adds the flag to a command whose result is a document that is JSON anyway, so that a script can give it to
// every command.
func documentIsJSON(to *cobra.Command) {
	to.Flags().Bool("json", false, "write the document as JSON, which it is without the flag, too")
}

func keyCommand() *cobra.Command {
	var region string
	var asJSON bool
	key := &cobra.Command{
		Use:     "public-key",
		Short:   "Show the public key of the installation's anchors, in PEM",
		Long:    "Show the public key of the installation's anchors, in PEM, as KMS gives it.",
		Example: "  davit anchor public-key >davit.pem",
		Args:    cobra.NoArgs,
		RunE: func(given *cobra.Command, _ []string) error {
			configuration, err := command.LoadConfiguration(given.Context(), region)
			if err != nil {
				return err
			}
			public, err := cloud.NewKey(configuration, names.AnchorKeyAlias).Public(given.Context())
			if err != nil {
				return fmt.Errorf("%w: is the stack of hash jobs deployed in %s?", err, configuration.Region)
			}
			return showKey(given.OutOrStdout(), asJSON, public, configuration.Region)
		},
	}
	key.Flags().StringVar(&region, "region", "", "AWS region; that of the AWS environment if absent")
	key.Flags().BoolVar(&asJSON, "json", false, "write the key with its fingerprint as JSON")
	return key
}

func proofCommand() *cobra.Command {
	var region string
	proof := &cobra.Command{
		Use:     "proof ID KEY",
		Short:   "Show the proof of an object of an anchor",
		Long:    "Show the proof of an object of an anchor: the anchor by the ID of its job, the object by its key.",
		Example: "  davit anchor proof records-2026-11-22 2026/11/22/invoice.pdf >invoice.proof.json",
		Args:    cobra.ExactArgs(2),
		RunE: func(given *cobra.Command, arguments []string) error {
			document, err := findProof(given.Context(), region, arguments[0], arguments[1])
			if err != nil {
				return err
			}
			_, err = given.OutOrStdout().Write(append(document, '\n'))
			return err
		},
	}
	proof.Flags().StringVar(&region, "region", "", "AWS region; that of the AWS environment if absent")
	documentIsJSON(proof)
	return proof
}

func transactionCommand() *cobra.Command {
	var region string
	transaction := &cobra.Command{
		Use:   "transaction ID",
		Short: "Show the transaction of Ethereum that carries an anchor's root",
		Long: `Show the transaction of Ethereum that carries an anchor's root, for an anchor whose job asked for one. Its "raw" is what
eth_sendRawTransaction takes.`,
		Example: "  davit anchor transaction records-2026-11-22 >transaction.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(given *cobra.Command, arguments []string) error {
			id := arguments[0]
			bucket, err := bucketOf(given.Context(), region, id)
			if err != nil {
				return err
			}
			document, err := bucket.Get(given.Context(), jobs.AnchorTransactionKey(id), maximumDocument)
			if errors.Is(err, jobs.ErrNoObject) {
				return fmt.Errorf("there is no anchor %s with a transaction: see \"davit job show %s\"", id, id)
			}
			if err != nil {
				return err
			}
			_, err = given.OutOrStdout().Write(append(document, '\n'))
			return err
		},
	}
	transaction.Flags().StringVar(&region, "region", "", "AWS region; that of the AWS environment if absent")
	documentIsJSON(transaction)
	return transaction
}

// bucketOf is the bucket in which the anchor with the ID would be.
func bucketOf(ctx context.Context, region, id string) (*cloud.Bucket, error) {
	if !hashjob.ValidID(id) {
		return nil, fmt.Errorf("%.128q can be no ID of a job", id)
	}
	configuration, err := command.LoadConfiguration(ctx, region)
	if err != nil {
		return nil, err
	}
	account, err := command.Account(ctx, configuration)
	if err != nil {
		return nil, err
	}
	return cloud.NewBucket(configuration, names.HashJobBucket(account, configuration.Region)), nil
}

// maximumList is the longest list of an anchor's objects that is read, in bytes.
const maximumList = 256 << 20

func findProof(ctx context.Context, region, id, key string) ([]byte, error) {
	bucket, err := bucketOf(ctx, region, id)
	if err != nil {
		return nil, err
	}
	list, err := bucket.Get(ctx, jobs.AnchorObjectsKey(id), maximumList)
	if errors.Is(err, jobs.ErrNoObject) {
		return nil, fmt.Errorf("there is no anchor %s: see \"davit job show %s\"", id, id)
	}
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(strings.NewReader(string(list)))
	for index := 0; lines.Scan(); index++ {
		var object hashjob.Location
		if err := json.Unmarshal(lines.Bytes(), &object); err != nil {
			return nil, fmt.Errorf("the objects of anchor %s, line %d: %w", id, index+1, err)
		}
		if object.Key == key {
			return bucket.Get(ctx, jobs.ProofKey(id, index), maximumDocument)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("anchor %s has no object %s", id, key)
}

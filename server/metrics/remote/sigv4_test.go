package remote

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/weirmesh/weir/server/metrics/query"
)

// isolateAWS keeps the machine's own credentials, and the search for them on a network, out of a test.
func isolateAWS(t *testing.T) {
	t.Helper()
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_EC2_METADATA_DISABLED": "true", "AWS_PROFILE": "",
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": "",
		"AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_ROLE_ARN": "", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "",
	} {
		t.Setenv(name, value)
	}
}

// bodyOf reads a request's body and puts it back.
func bodyOf(r *http.Request) []byte {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body
}

// signatureProblem signs what arrived once more, with the headers that the caller says it signed, and compares.
func signatureProblem(r *http.Request, key, secret, region, service string) string {
	given := r.Header.Get("Authorization")
	parts := regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^,]+), SignedHeaders=([^,]+), Signature=[0-9a-f]{64}$`).FindStringSubmatch(given)
	if parts == nil {
		return "not signed: " + given
	}
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || time.Since(at).Abs() > 15*time.Minute {
		return "not signed now"
	}
	again, err := http.NewRequest(r.Method, "http://"+r.Host+r.URL.RequestURI(), bytes.NewReader(bodyOf(r)))
	if err != nil {
		return err.Error()
	}
	for name := range strings.SplitSeq(parts[2], ";") {
		if name == "host" || name == "content-length" || name == "x-amz-date" {
			continue
		}
		values := r.Header.Values(name)
		if len(values) == 0 {
			return "signed a header that was not sent: " + name
		}
		again.Header[http.CanonicalHeaderKey(name)] = values
	}
	hash := sha256.Sum256(bodyOf(r))
	credentials := aws.Credentials{AccessKeyID: key, SecretAccessKey: secret}
	if err := v4.NewSigner().SignHTTP(r.Context(), credentials, again, hex.EncodeToString(hash[:]), service, region, at); err != nil {
		return err.Error()
	}
	if want := again.Header.Get("Authorization"); want != given {
		return fmt.Sprintf("the signature is %s and not %s", given, want)
	}
	return ""
}

func TestSigV4(t *testing.T) {
	isolateAWS(t)
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if what := signatureProblem(r, "AKIDEXAMPLE", "right-secret", "eu-west-1", "aps"); what != "" {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"message":"The request signature we calculated does not match the signature you provided."}`)
			return
		}
		_, _ = io.WriteString(w, one)
	})
	source := Source{Name: "amp", Kind: AMP, URL: address + "/workspaces/ws-1", SigV4: &SigV4{Region: "eu-west-1", AccessKey: "AKIDEXAMPLE", SecretKey: "right-secret"}}
	t.Run("a tenant and headers", func(t *testing.T) {
		s := source
		s.Tenant = "a"
		s.HTTP.HTTPHeaders = headers("X-Team", "a")
		if _, err := open(t, s).Query(t.Context(), `up{a=~"b c|d"}`, time.Now()); err != nil {
			t.Error(err)
		}
	})
	t.Run("the secret key in a file", func(t *testing.T) {
		s, v := source, *source.SigV4
		v.SecretKey, v.SecretKeyFile = "", write(t, "right-secret\n")
		s.SigV4 = &v
		if _, err := open(t, s).Query(t.Context(), "up", time.Now()); err != nil {
			t.Error(err)
		}
	})
	t.Run("keys from the environment", func(t *testing.T) {
		t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "right-secret")
		s := source
		s.SigV4 = &SigV4{Region: "eu-west-1"}
		if _, err := open(t, s).Query(t.Context(), "up", time.Now()); err != nil {
			t.Error(err)
		}
	})
	t.Run("a wrong secret", func(t *testing.T) {
		s, v := source, *source.SigV4
		v.SecretKey = "wrong-secret"
		s.SigV4 = &v
		_, err := open(t, s).Query(t.Context(), "up", time.Now())
		if query.FaultOf(err) != query.Unavailable || !strings.Contains(err.Error(), "403") || strings.Contains(err.Error(), "wrong-secret") {
			t.Error(err)
		}
	})
	t.Run("none, and then some", func(t *testing.T) {
		s := source
		s.SigV4 = &SigV4{Region: "eu-west-1"}
		b := open(t, s)
		_, err := b.Query(t.Context(), "up", time.Now())
		if query.FaultOf(err) != query.Unavailable || !strings.Contains(err.Error(), "sigv4") || b.Status().State != query.Down {
			t.Errorf("%v, %+v", err, b.Status())
		}
		t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "right-secret")
		if _, err := b.Query(t.Context(), "up", time.Now()); err != nil || b.Status().State == query.Down {
			t.Errorf("%v, %+v", err, b.Status())
		}
	})
}

// TestRole assumes a role at a server that speaks STS' protocol, and signs with what that gives.
func TestRole(t *testing.T) {
	isolateAWS(t)
	t.Setenv("AWS_ENDPOINT_URL_STS", serve(t, func(w http.ResponseWriter, r *http.Request) {
		if what := signatureProblem(r, "AKIDEXAMPLE", "right-secret", "eu-west-1", "sts"); what != "" || !strings.Contains(string(bodyOf(r)), "RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Freader") {
			http.Error(w, what, http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "text/xml")
		_, _ = io.WriteString(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>`+
			`<AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey><SessionToken>role-token</SessionToken>`+
			`<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`)
	}))
	b := open(t, Source{
		Name: "amp", Kind: AMP, SigV4: &SigV4{Region: "eu-west-1", AccessKey: "AKIDEXAMPLE", SecretKey: "right-secret", RoleARN: "arn:aws:iam::1:role/reader"},
		URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
			if what := signatureProblem(r, "ASIAROLE", "role-secret", "eu-west-1", "aps"); what != "" || r.Header.Get("X-Amz-Security-Token") != "role-token" {
				http.Error(w, what, http.StatusForbidden)
				return
			}
			_, _ = io.WriteString(w, one)
		}),
	})
	if _, err := b.Query(t.Context(), "up", time.Now()); err != nil {
		t.Error(err)
	}
}

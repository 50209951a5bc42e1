package main

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// The parts of a CycloneDX document, version 1.5, that we use.
type (
	bom struct {
		Format       string       `json:"bomFormat"`
		SpecVersion  string       `json:"specVersion"`
		SerialNumber string       `json:"serialNumber"`
		Version      int          `json:"version"`
		Metadata     metadata     `json:"metadata"`
		Components   []component  `json:"components"`
		Dependencies []dependency `json:"dependencies"`
	}
	metadata struct {
		Timestamp string    `json:"timestamp"`
		Component component `json:"component"`
	}
	component struct {
		Type     string    `json:"type"`
		Ref      string    `json:"bom-ref"`
		Name     string    `json:"name"`
		Version  string    `json:"version"`
		PURL     string    `json:"purl"`
		Licences []licence `json:"licenses"`
	}
	licence struct {
		License struct {
			ID string `json:"id"`
		} `json:"license"`
	}
	dependency struct {
		Ref       string   `json:"ref"`
		DependsOn []string `json:"dependsOn"`
	}
)

// billOfMaterials lists what the program contains, for those who look for vulnerable modules: the modules that are really in it, and not all
// that go.mod names.
func (r recipe) billOfMaterials(modules []module) ([]byte, error) {
	program := newComponent("application", module{path: "mailhint", version: r.version, licence: "MIT"})
	b := bom{
		Format: "CycloneDX", SpecVersion: "1.5", Version: 1,
		Metadata:     metadata{r.date.Format(time.RFC3339), program},
		Dependencies: []dependency{{Ref: program.Ref}},
	}
	for _, m := range modules {
		c := newComponent("library", m)
		b.Components = append(b.Components, c)
		b.Dependencies[0].DependsOn = append(b.Dependencies[0].DependsOn, c.Ref)
	}
	content, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	b.SerialNumber = "urn:uuid:" + uuid.NewSHA1(uuid.NameSpaceURL, content).String() // another document has another number
	text, err := json.MarshalIndent(b, "", "  ")
	return append(text, '\n'), err
}

func newComponent(kind string, m module) component {
	purl := "pkg:golang/" + m.path + "@" + m.version
	c := component{Type: kind, Ref: purl, Name: m.path, Version: m.version, PURL: purl, Licences: make([]licence, 1)}
	c.Licences[0].License.ID = m.licence
	return c
}

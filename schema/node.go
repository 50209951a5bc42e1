package schema

// node is a schema within the schema: JSON Schema, draft 7, which both editors' tools understand.
type node struct {
	Schema      string `json:"$schema,omitempty"`
	ID          string `json:"$id,omitempty"`
	TOML        string `json:"x-tombi-toml-version,omitempty"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	Ref         string `json:"$ref,omitempty"`

	Type      string   `json:"type,omitempty"`
	Enum      []any    `json:"enum,omitempty"`
	Pattern   string   `json:"pattern,omitempty"`
	MaxLength int      `json:"maxLength,omitempty"`
	Minimum   int      `json:"minimum,omitempty"`
	Not       *node    `json:"not,omitempty"`
	MinItems  int      `json:"minItems,omitempty"`
	MaxItems  *int     `json:"maxItems,omitempty"`
	Unique    bool     `json:"uniqueItems,omitempty"`
	Items     *node    `json:"items,omitempty"`
	Required  []string `json:"required,omitempty"`

	Properties        map[string]*node    `json:"properties,omitempty"`
	PatternProperties map[string]*node    `json:"patternProperties,omitempty"`
	Additional        *bool               `json:"additionalProperties,omitempty"`
	Dependencies      map[string][]string `json:"dependencies,omitempty"`

	OneOf []*node `json:"oneOf,omitempty"`
	AnyOf []*node `json:"anyOf,omitempty"`
	AllOf []*node `json:"allOf,omitempty"`
	If    *node   `json:"if,omitempty"`
	Then  *node   `json:"then,omitempty"`

	Default     any              `json:"default,omitempty"`
	Examples    []any            `json:"examples,omitempty"`
	Definitions map[string]*node `json:"definitions,omitempty"`
}

// closed is a table that may have no other keys than its properties.
func closed(properties map[string]*node) *node {
	return &node{Type: "object", Properties: properties, Additional: new(bool)}
}

// named is a table of tables with names that match a pattern.
func named(patterns map[string]*node) *node {
	return &node{Type: "object", PatternProperties: patterns, Additional: new(bool)}
}

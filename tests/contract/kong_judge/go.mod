module carbon-stream/kong-judge

go 1.19

require github.com/kong/goks v0.6.2

replace github.com/yuin/gopher-lua => github.com/kong/gopher-lua v0.0.0-20221216134051-5199433b6390

replace github.com/layeh/gopher-json => github.com/kong/gopher-json v0.0.0-20221216152158-64015758f4ba
require (
	github.com/google/uuid v1.3.0
	github.com/layeh/gopher-json v0.0.0-20201124131017-552bb3c4c3bf
	github.com/santhosh-tekuri/jsonschema/v5 v5.0.0
	github.com/stretchr/testify v1.7.0
	github.com/yuin/gluare v0.0.0-20170607022532-d7c94f1a80ed
	github.com/yuin/gopher-lua v0.0.0-20221210110428-332342483e3f
	gopkg.in/yaml.v1 v1.0.0-20140924161607-9f9df34309c0
)
require (
	github.com/davecgh/go-spew v1.1.0 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)

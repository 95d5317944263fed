// Judges entities of a gateway by Kong's own schemas. Reads a line each, {"kind": "services|routes|plugins", "body": {…}},
// and answers a line each: ok, or Kong's complaint. Its argument is the folder of goks' sources.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kong/goks/plugin"
)

const judgeEntity = `
local kind, text = ...
local definition = require("kong.db.schema.entities." .. kind)
local entity = assert(require("kong.db.schema.entity").new(definition))
if kind == "routes" then
  for name, subschema in pairs(require "kong.db.schema.entities.routes_subschemas") do
    assert(entity:new_subschema(name, subschema))
  end
end
local json = require "go.json"
local body = assert(json.decode(text))
local ok, err = entity:validate(entity:process_auto_fields(body, "insert"))
if not ok then return json.encode(err) end
return "ok"
`

// The prometheus plugin asks for memory that nginx would share between its workers.
const pretendMemory = `ngx.shared = ngx.shared or {}; ngx.shared.prometheus_metrics = {}; return "ok"`

type asked struct {
	Kind string          `json:"kind"`
	Body json.RawMessage `json:"body"`
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	validator, err := plugin.NewValidator(plugin.ValidatorOpts{})
	fail(err)
	_, err = validator.Execute(pretendMemory)
	fail(err)
	schemas, err := filepath.Glob(filepath.Join(os.Args[1], "lua-tree/share/lua/5.1/kong/plugins/*/schema.lua"))
	fail(err)
	for _, path := range schemas {
		text, err := os.ReadFile(path)
		fail(err)
		// Some plugins need what only a running gateway has; a body for them is answered with "not enabled".
		_, _ = validator.LoadSchema(string(text))
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var each asked
		fail(json.Unmarshal(lines.Bytes(), &each))
		fmt.Println(strings.Join(strings.Fields(judge(validator, each)), " "))
	}
}

func judge(validator *plugin.Validator, each asked) string {
	if each.Kind == "plugins" {
		if err := validator.Validate(string(each.Body)); err != nil {
			return err.Error()
		}
		return "ok"
	}
	answer, err := validator.Execute(judgeEntity, each.Kind, string(each.Body))
	if err != nil {
		return err.Error()
	}
	return answer
}

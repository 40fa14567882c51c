-- SPDX-License-Identifier: Apache-2.0
--
-- What makes pages of the site from the Markdown of the repository: links to
-- other pages, also where a page, a group or a function is only named in code.
-- DOCS_SYMBOLS is a file with lines "NAME TARGET", written by `build`.

local symbols = {}
for line in io.lines(os.getenv("DOCS_SYMBOLS")) do
  local name, target = line:match("^(%S+) (%S+)$")
  symbols[name] = target
end
local page = os.getenv("DOCS_PAGE")
-- "erlang-seccomp.html" for names without a module, on a page about one.
local own = page:match("^erlang%-([%w_]+)%.html$") or page:match("^elixir%-(.+)%.html$")

local function lookup(text)
  local name = text:gsub("^'(@.*)'$", "%1"):gsub("^:\"(@.*)\"$", "%1")
  local target = symbols[name]
  if not target and own then
    target = symbols[own .. ":" .. name] or symbols[own .. "." .. name]
  end
  if target ~= page then return target end
end

local function is_page_link(target)
  return not target:match("^%a[%w+.-]*:") and not target:match("^#")
end

-- Paths are written as they work in the repository.
local function resolve(target)
  local path, fragment = target:match("^([^#]*)(#?.*)$")
  local name = path:gsub("^%./", ""):gsub("^%.%./", ""):gsub("^docs/", "")
  local html = symbols["docs/" .. name] or symbols[name]
  if html then return html:gsub("#.*$", "") .. fragment end
  return name .. fragment
end

local function plain_title(blocks)
  for _, block in ipairs(blocks) do
    if block.t == "Header" and block.level == 1 then
      return pandoc.utils.stringify(block)
    end
  end
  return page
end

local in_link = {
  Link = function(link)
    if is_page_link(link.target) then link.target = resolve(link.target) end
    return link, false
  end,
  Image = function(image)
    if is_page_link(image.src) then image.src = resolve(image.src) end
    return image
  end,
  Code = function(code)
    local target = lookup(code.text)
    if target then return pandoc.Link(code, target), false end
  end,
  Header = function(header) return header, false end,
}
in_link.traverse = "topdown"

local scrolling = {
  Table = function(table)
    return pandoc.Div(table, pandoc.Attr("", { "table" }))
  end,
}

function Pandoc(doc)
  doc.meta.pagetitle = plain_title(doc.blocks)
  doc.blocks = doc.blocks:walk(in_link):walk(scrolling)
  return doc
end

" Vim syntax file
" Language: tfs
"
" Copy this file to ~/.vim/syntax/tfs.vim and ftdetect.vim to ~/.vim/ftdetect/tfs.vim.

if exists("b:current_syntax")
  finish
endif

syn iskeyword @,48-57,_,192-255

" Words. The contextual ones are names except at the start of a statement.
syn keyword tfsConditional if else
syn keyword tfsRepeat for while
syn keyword tfsStatement break continue return with
syn keyword tfsOperatorWord in and or not
syn keyword tfsDeclaration fn
syn keyword tfsBoolean true false
syn keyword tfsConstant none
syn keyword tfsType f64 f32 f16 bf16 i64 i32 i16 i8 u8
syn match tfsDeclaration "\v%(^|[;{])@1<=\s*%(layer|model|estimator|option)\ze\s+%(%(fn|if|else|for|in|while|break|continue|return|with|and|or|not|true|false|none)>)@!\k"
syn match tfsDeclaration "\v\.@1<!<model\ze\s*\{"
syn match tfsInclude "\v%(^|[;{])@1<=\s*%(import|test)\ze\s*\""
syn match tfsInclude "\v%(\"\s+)@<=as\ze\s+[*[:alpha:]_]"
syn match tfsAssertion "\v%(^|[;{])@1<=\s*expect>\ze\s*%(-[>=]@!|%(%(in|and|or|not\s+in)>)@![\"(\[{[:alnum:]_])"

syn match tfsOperator "\v\*\*\=|//\=|\.\.\.|\|\>|-\>|\=\=|!\=|\<\=|\>\=|\+\=|-\=|\*\=|/\=|\%\=|\@\=|\*\*|//|[-+*/%@<>=]"

" Numbers: underscores between digits, a digit on both sides of the dot.
syn match tfsNumber "\v<0[xX][0-9A-Fa-f]+%(_[0-9A-Fa-f]+)*>"
syn match tfsNumber "\v<[0-9]+%(_[0-9]+)*>"
syn match tfsFloat "\v<[0-9]+%(_[0-9]+)*\.[0-9]+%(_[0-9]+)*%([eE][+-]?[0-9]+%(_[0-9]+)*)?>"
syn match tfsFloat "\v<[0-9]+%(_[0-9]+)*[eE][+-]?[0-9]+%(_[0-9]+)*>"

" Strings: any code between braces, the format behind its colon, doubled braces for themselves.
syn cluster tfsCode contains=tfsConditional,tfsRepeat,tfsStatement,tfsOperatorWord,tfsDeclaration,tfsBoolean,tfsConstant,tfsType,
      \tfsOperator,tfsNumber,tfsFloat,tfsString
syn match tfsBadEscape "\v\\." contained
syn match tfsEscape "\v\\%([nt\\\"]|u\{[0-9A-Fa-f]{1,6}\})" contained
syn region tfsInterpolation matchgroup=tfsDelimiter start="{" end="}" end="$" contained oneline
      \ contains=@tfsCode,tfsFormat,tfsGroup
syn match tfsFormat "\v:[^}]*" contained
syn match tfsBraces "\v\{\{|\}\}" contained
syn region tfsGroup start="[(\[{]" end="[)\]}]" end="$" contained transparent contains=@tfsCode,tfsGroup
syn region tfsString start=+"+ end=+"+ end="$" contains=tfsBadEscape,tfsEscape,tfsInterpolation,tfsBraces
syn region tfsString start=+"""+ end=+"""+ contains=tfsBadEscape,tfsEscape,tfsInterpolation,tfsBraces

" Comments; those with two signs document what stands beside them.
syn match tfsComment "#.*$" contains=tfsTodo
syn match tfsDocumentation "\v##[^#].*$"
syn keyword tfsTodo TODO FIXME contained

hi def link tfsConditional Conditional
hi def link tfsRepeat Repeat
hi def link tfsStatement Statement
hi def link tfsOperatorWord Operator
hi def link tfsOperator Operator
hi def link tfsDeclaration Structure
hi def link tfsInclude Include
hi def link tfsAssertion Debug
hi def link tfsBoolean Boolean
hi def link tfsConstant Constant
hi def link tfsType Type
hi def link tfsNumber Number
hi def link tfsFloat Float
hi def link tfsString String
hi def link tfsEscape SpecialChar
hi def link tfsBraces SpecialChar
hi def link tfsBadEscape Error
hi def link tfsDelimiter Delimiter
hi def link tfsFormat SpecialChar
hi def link tfsComment Comment
hi def link tfsDocumentation SpecialComment
hi def link tfsTodo Todo

syn sync minlines=200
let b:current_syntax = "tfs"

//! Brace expansion: one word in, all the words that it stands for out.

use super::ast::{Part, Word};

/// How many words one word may become.
const MAX_WORDS: usize = 256;

/// One character that was not quoted, or a part that stays whole.
#[derive(Clone)]
enum Token {
    Char(char),
    Part(Part),
}

/// The words that a word stands for; `None` if they are too many.
pub(in crate::guard) fn expand(word: &Word) -> Option<Vec<Word>> {
    let has_braces = |part: &Part| matches!(part, Part::Plain(text) if text.contains('{'));
    if !word.parts.iter().any(has_braces) {
        return Some(vec![word.clone()]);
    }
    let mut tokens = Vec::new();
    for part in &word.parts {
        match part {
            Part::Plain(text) => tokens.extend(text.chars().map(Token::Char)),
            part => tokens.push(Token::Part(part.clone())),
        }
    }
    let mut steps = 0;
    let all = braces(&tokens, &mut steps)?;
    Some(all.into_iter().map(join).collect())
}

fn is(token: Option<&Token>, c: char) -> bool {
    matches!(token, Some(Token::Char(found)) if *found == c)
}

fn braces(tokens: &[Token], steps: &mut usize) -> Option<Vec<Vec<Token>>> {
    *steps += 1;
    if *steps > 16 * MAX_WORDS {
        return None;
    }
    for open in 0..tokens.len() {
        if !is(tokens.get(open), '{') {
            continue;
        }
        let Some((close, choices)) = choices(tokens, open) else { continue };
        let rest = braces(&tokens[close + 1..], steps)?;
        let mut all = Vec::new();
        for choice in choices {
            for middle in braces(&choice, steps)? {
                for end in &rest {
                    all.push([&tokens[..open], &middle, end].concat());
                    if all.len() > MAX_WORDS {
                        return None;
                    }
                }
            }
        }
        return Some(all);
    }
    Some(vec![tokens.to_vec()])
}

/// Where the brace that opens here closes, and what stands between the commas.
fn choices(tokens: &[Token], open: usize) -> Option<(usize, Vec<Vec<Token>>)> {
    let mut depth = 0_usize;
    let mut begins = vec![open + 1];
    for at in open + 1..tokens.len() {
        if is(tokens.get(at), '{') {
            depth += 1;
        } else if is(tokens.get(at), '}') && depth > 0 {
            depth -= 1;
        } else if is(tokens.get(at), ',') && depth == 0 {
            begins.push(at + 1);
        } else if is(tokens.get(at), '}') {
            if begins.len() > 1 {
                let ends = begins.iter().skip(1).map(|begin| begin - 1).chain([at]);
                return Some((at, begins.iter().zip(ends).map(|(begin, end)| tokens[*begin..end].to_vec()).collect()));
            }
            return sequence(&tokens[open + 1..at]).map(|all| (at, all));
        }
    }
    None
}

/// `a..z`, `1..9..2`: long ones are any text.
fn sequence(tokens: &[Token]) -> Option<Vec<Vec<Token>>> {
    let text: Option<String> = tokens.iter().map(|token| if let Token::Char(c) = token { Some(*c) } else { None }).collect();
    let text = text?;
    let mut ends = text.split("..");
    let (first, last) = (ends.next()?, ends.next()?);
    if let (Ok(first), Ok(last)) = (first.parse::<i64>(), last.parse::<i64>()) {
        if first.abs_diff(last) > 64 {
            return Some(vec![vec![Token::Char('*')]]);
        }
        return Some((first.min(last)..=first.max(last)).map(|n| n.to_string().chars().map(Token::Char).collect()).collect());
    }
    let one = |text: &str| text.chars().next().filter(|c| text.chars().count() == 1 && c.is_ascii_alphabetic());
    let (first, last) = (one(first)?, one(last)?);
    Some((first.min(last)..=first.max(last)).map(|c| vec![Token::Char(c)]).collect())
}

fn join(tokens: Vec<Token>) -> Word {
    let mut parts: Vec<Part> = Vec::new();
    for token in tokens {
        match (token, parts.last_mut()) {
            (Token::Char(c), Some(Part::Plain(text))) => text.push(c),
            (Token::Char(c), _) => parts.push(Part::Plain(c.to_string())),
            (Token::Part(part), _) => parts.push(part),
        }
    }
    Word { parts }
}

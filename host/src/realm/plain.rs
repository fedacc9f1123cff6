use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The most bytes of a word: what is longer is cut, in texts and in queries alike. Postgres takes lexemes of 2 KiB.
pub const MAX_WORD_BYTES: usize = 255;

/// The words of a text as both databases have them: in lower case, without accents, without anything between them.
///
/// Compatibility forms are taken apart (`ﬁ` is `fi`), accents of Latin, Greek and Cyrillic letters go, `ß` is `ss`. A
/// letter, a digit or a mark of any script is a part of a word; whatever else there is ends one. Scripts that are written
/// without spaces between words are taken by character: Chinese, Japanese kana.
pub fn plain_words(text: &str) -> impl Iterator<Item = String> + '_ {
    let mut letters = text
        .nfkd()
        .flat_map(char::to_lowercase)
        .filter(|letter| !is_accent(*letter))
        .flat_map(unified)
        .nfc()
        .peekable();
    std::iter::from_fn(move || {
        while letters.next_if(|letter| !is_of_a_word(*letter)).is_some() {}
        let mut word = String::from(letters.next()?);
        let alone = word.chars().all(is_a_word);
        while let Some(letter) = letters.next_if(|letter| {
            is_of_a_word(*letter) && (is_combining_mark(*letter) || !alone && !is_a_word(*letter))
        }) {
            if word.len() + letter.len_utf8() <= MAX_WORD_BYTES {
                word.push(letter);
            }
        }
        Some(word)
    })
}

/// Marks over and under letters of scripts in which a letter without one is still the letter. In others a mark is a vowel.
fn is_accent(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Forms of one letter as that letter.
fn unified(letter: char) -> impl Iterator<Item = char> {
    let (first, second) = match letter {
        'ß' => ('s', Some('s')),
        'ς' => ('σ', None),
        other => (other, None),
    };
    std::iter::once(first).chain(second)
}

fn is_of_a_word(letter: char) -> bool {
    letter.is_alphanumeric() || is_combining_mark(letter)
}

/// Whether a character stands for a word: an ideograph or a kana.
fn is_a_word(letter: char) -> bool {
    matches!(letter, '\u{3041}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::{MAX_WORD_BYTES, plain_words};

    fn words(text: &str) -> Vec<String> {
        plain_words(text).collect()
    }

    #[test]
    fn case_accents_and_forms_make_no_difference() {
        assert_eq!(words("Crème BRÛLÉE, ﬁne!"), ["creme", "brulee", "fine"]);
        assert_eq!(words("STRASSE Straße"), ["strasse", "strasse"]);
        assert_eq!(words("İstanbul"), ["istanbul"]);
        assert_eq!(words("ΟΔΟΣ οδός"), ["οδοσ", "οδοσ"]);
        assert_eq!(words("Re\u{301}sume\u{301}"), words("Résumé"));
    }

    #[test]
    fn whatever_is_no_letter_ends_a_word() {
        assert_eq!(
            words("a.b c_d 1e5 3,14 it's\0x"),
            ["a", "b", "c", "d", "1e5", "3", "14", "it", "s", "x"]
        );
        assert!(words(" \0\t!? ").is_empty());
    }

    #[test]
    fn scripts_without_spaces_are_taken_by_character_and_vowels_stay() {
        assert_eq!(words("日本がabc"), ["日", "本", "が", "abc"]);
        assert_eq!(words("한국어 글"), ["한국어", "글"]);
        assert_ne!(words("कि"), words("का"));
    }

    #[test]
    fn a_long_word_is_cut_the_same_wherever_it_stands() {
        let long = "é漢".to_owned() + &"ж".repeat(1000);
        let cut = words(&long);
        assert!(cut.iter().all(|word| word.len() <= MAX_WORD_BYTES));
        assert_eq!(cut.len(), 3);
        assert_eq!(words(&cut.join(" ")), cut);
    }
}

"""Random small models of every BERT-like family, as standard folders: `family_folder("albert", "masked-lm", folder)`.

They know nothing: for tests of what is computed. RoBERTa gets byte-level pieces and a padding id of 1, as it really
has; ELECTRA and ALBERT get embeddings narrower than their layers, ALBERT two groups of two layers each. XLM-RoBERTa,
for tests of texts and not among `FAMILIES`, gets Unigram pieces and a mask that takes the space before it.
"""

from pathlib import Path
from string import ascii_lowercase

import torch
import transformers
from tokenizers import ByteLevelBPETokenizer

from tests.conftest import VOCABULARY, WORDS

FAMILIES = ("bert", "distilbert", "roberta", "electra", "albert")
HEADS = ("masked-lm", "sequence-classification", "pre-training", "encoder")
SPECIALS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
SIZES = {
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "max_position_embeddings": 80,
    "initializer_range": 0.2,  # wider than BERT's 0.02, so that attention rows differ visibly from uniform
}
OWN_SIZES = {
    "bert": {},
    "roberta": {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "type_vocab_size": 1},
    "xlm-roberta": {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "type_vocab_size": 1},
    "electra": {"embedding_size": 12},
    "albert": {"embedding_size": 12, "num_hidden_groups": 2, "inner_group_num": 2, "num_hidden_layers": 4},
}
AUTO_CLASSES = {
    "masked-lm": transformers.AutoModelForMaskedLM,
    "sequence-classification": transformers.AutoModelForSequenceClassification,
    "token-classification": transformers.AutoModelForTokenClassification,
    "question-answering": transformers.AutoModelForQuestionAnswering,
    "multiple-choice": transformers.AutoModelForMultipleChoice,
    "pre-training": transformers.AutoModelForPreTraining,
    "encoder": transformers.AutoModel,
}


def family_folder(family: str, head: str, folder: Path) -> Path:
    """Write a random model of a family with one of the heads of `AUTO_CLASSES` into `folder`, and return it."""
    if family == "roberta":
        tokenizer = _byte_level_tokenizer(folder)
    elif family == "xlm-roberta":
        tokenizer = _unigram_tokenizer()
    else:
        tokenizer = _word_piece_tokenizer(family, folder)
    config = _config(family, len(tokenizer))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = AUTO_CLASSES[head].from_config(config)
        for name, weights in network.named_parameters():
            if name.endswith("bias"):
                torch.nn.init.normal_(weights, std=0.1)  # they start at zero, where leaving one out would not show
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _config(family: str, vocabulary: int) -> transformers.PretrainedConfig:
    if family == "distilbert":
        return transformers.DistilBertConfig(
            vocab_size=vocabulary,
            dim=SIZES["hidden_size"],
            n_layers=SIZES["num_hidden_layers"],
            n_heads=SIZES["num_attention_heads"],
            hidden_dim=SIZES["intermediate_size"],
            max_position_embeddings=SIZES["max_position_embeddings"],
            initializer_range=SIZES["initializer_range"],
            num_labels=3,
        )
    return transformers.AutoConfig.for_model(family, vocab_size=vocabulary, num_labels=3, **(SIZES | OWN_SIZES[family]))


def _word_piece_tokenizer(family: str, folder: Path) -> transformers.PreTrainedTokenizerFast:
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    tokenizer = transformers.BertTokenizerFast(vocab=str(vocabulary), do_lower_case=True, model_max_length=80)
    if family == "distilbert":
        tokenizer.model_input_names = ["input_ids", "attention_mask"]
    return tokenizer


def _byte_level_tokenizer(folder: Path) -> transformers.PreTrainedTokenizerFast:
    folder.mkdir(parents=True, exist_ok=True)
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(["the cat sat on the mat, naïve café"] * 50, vocab_size=400, special_tokens=SPECIALS)
    trained.save_model(str(folder))
    return transformers.RobertaTokenizerFast(
        vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"), model_max_length=78
    )


def _unigram_tokenizer() -> transformers.PreTrainedTokenizerFast:
    pieces = ["▁", *ascii_lowercase, *(f"▁{word}" for word in WORDS if word.isalpha())]
    return transformers.XLMRobertaTokenizerFast(
        vocab=[(piece, -1.0) for piece in (*SPECIALS[:-1], *pieces, SPECIALS[-1])],
        mask_token=transformers.AddedToken("<mask>", lstrip=True),
        model_max_length=78,
    )

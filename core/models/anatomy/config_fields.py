"""What each field of a BERT-like configuration means, in plain words. Holds texts only.

Sources: the configuration classes of transformers 5 (`configuration_bert.py` and its siblings) and the code that reads
each field.
"""

SIZE = "Size"
TEXT = "Length of the text"
CALCULATION = "Calculation"
REGULARIZATION = "Regularization"
SPECIAL_TOKENS = "Special tokens"
HEAD = "Head and labels"
BOOKKEEPING = "Bookkeeping"

MEANINGS = {
    SIZE: {
        "vocab_size": "Tokens the model knows; each has a row in the word-embedding table.",
        "hidden_size": "Width: how many numbers stand for one token between the layers. The heads share them out.",
        "dim": "Width: how many numbers stand for one token between the layers (hidden_size elsewhere).",
        "embedding_size": "Width of the embedding table, where it is smaller than the layers; a projection widens it.",
        "num_hidden_layers": "How many layers a text goes through.",
        "n_layers": "How many layers a text goes through (num_hidden_layers elsewhere).",
        "num_attention_heads": "Heads per layer: each looks at the text in its own way, with its share of the width.",
        "n_heads": "Heads per layer: each looks at the text in its own way (num_attention_heads elsewhere).",
        "intermediate_size": "Width inside the feed-forward network, usually four times the width of the layers.",
        "hidden_dim": "Width inside the feed-forward network (intermediate_size elsewhere).",
        "num_hidden_groups": "Sets of weights that the layers share: 1 means that all layers are the same.",
        "inner_group_num": "Layers inside each shared set.",
    },
    TEXT: {
        "max_position_embeddings": "Rows of the position table: the longest text. RoBERTa loses two to padding.",
        "type_vocab_size": "Kinds of segment: 2 tells the first text of a pair from the second, 1 cannot.",
        "sinusoidal_pos_embds": "Whether positions start as fixed sine waves instead of being learned.",
    },
    CALCULATION: {
        "hidden_act": "The feed-forward network's activation function: without one, its two matrices would be one.",
        "activation": "The bend inside the feed-forward network (hidden_act elsewhere).",
        "layer_norm_eps": "A tiny number that keeps each Norm from dividing by zero.",
        "initializer_range": "How widely new weights are scattered around zero before any training.",
        "chunk_size_feed_forward": "Tokens the feed-forward network takes at a time, to save memory; 0 takes all.",
    },
    REGULARIZATION: {
        "hidden_dropout_prob": "Share of numbers set to zero at random, in training only, so that none is relied on.",
        "dropout": "Share of numbers set to zero at random, in training only (hidden_dropout_prob elsewhere).",
        "attention_probs_dropout_prob": "The same for attention: share of looks dropped at random, in training only.",
        "attention_dropout": "Share of looks dropped, in training only (attention_probs_dropout_prob elsewhere).",
        "classifier_dropout": "Dropout before a classifier; not set means as much as in the layers.",
        "classifier_dropout_prob": "Dropout before a classifier, in training only.",
        "seq_classif_dropout": "Dropout before a classifier of whole texts or of choices, in training only.",
        "qa_dropout": "Dropout before the head that marks answers in a text, in training only.",
        "summary_last_dropout": "Dropout after the summary of a text, for multiple choice, in training only.",
    },
    SPECIAL_TOKENS: {
        "pad_token_id": "Row of the token that fills up shorter texts of a batch.",
        "bos_token_id": "Row of the token that opens a text, where the tokenizer has one under this name.",
        "eos_token_id": "Row of the token that ends a text, where the tokenizer has one under this name.",
    },
    HEAD: {
        "tie_word_embeddings": "Whether the masked-language head uses the word embeddings or a table of its own.",
        "id2label": "Names of the classes in the order of the scores; LABEL_0, LABEL_1 are place-holders.",
        "label2id": "The same names the other way round.",
        "problem_type": "Which loss a classifier trains with; not set means that the kind of labels decides.",
        "summary_type": "Which token stands for the whole text in multiple choice.",
        "summary_use_proj": "Whether the summary of a text goes through one more linear map.",
        "summary_activation": "The bend after that map.",
    },
    BOOKKEEPING: {
        "model_type": "The family: which program code runs this model.",
        "architectures": "The class that was saved: the encoder together with its head.",
        "dtype": "Precision of the numbers; for looking, the lab opens every model in float32.",
        "transformers_version": "Version of the library that wrote the file.",
        "_name_or_path": "Name of the folder that the model was opened from.",
        "return_dict": "Whether results come with names; true everywhere in the lab.",
        "output_hidden_states": "Whether every layer's result is handed out without being asked for.",
        "output_attentions": "Whether attention weights are handed out without being asked for.",
        "is_encoder_decoder": "Whether there is a second half that writes text. BERT-like models have none.",
        "is_decoder": "Whether each token may only look back, as in text generators. BERT looks both ways.",
        "add_cross_attention": "Whether layers also look at another model's output. BERT's do not.",
        "cross_attention_hidden_size": "Width of the other model's output, where layers look at one.",
        "use_cache": "Whether text generators keep earlier results. Without effect in BERT.",
        "position_embedding_type": "How positions are marked. No longer read: it is one vector for each position.",
        "gradient_checkpointing": "An old training switch: saves memory by computing twice. No longer read from here.",
    },
}

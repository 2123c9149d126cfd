using System.Collections.Immutable;
using System.Numerics;
using Lia.Weights;

namespace Lia;

/// <summary>What is learned, from what, and how: unset is the official recipe at size 256, but for the batch and perceptual weights, which
/// are the user's to supply. docs/training.md explains each.</summary>
public sealed record TrainerOptions
{
    /// <summary>The clips to learn from: a pack (<see cref="TrainingPack"/>), a folder of packs, which are one set of data, a folder of
    /// clips, or one clip; what is no pack is packed into the run's folder first.</summary>
    public required string Data { get; init; }

    /// <summary>The folder of the run, which is made if it is missing.</summary>
    public required string Output { get; init; }

    /// <summary>The side of the pictures: a power of two from 64 to 1024. Of <see cref="From"/>, the model's.</summary>
    public int? Size { get; init; }

    /// <summary>Channels at 4x4, 8x8 and so on up to the size, of the generator and the discriminator; unset are the official ones: 512 up
    /// to 32x32, then halved with each doubling.</summary>
    public ImmutableArray<int> Channels { get; init; } = [];

    /// <summary>The length of codes; 512 unless told otherwise.</summary>
    public int? Code { get; init; }

    /// <summary>The number of motion directions; 20 unless told otherwise.</summary>
    public int? Directions { get; init; }

    /// <summary>A model to begin with, in place of random weights; it decides size, channels, code and directions.</summary>
    public string? From { get; init; }

    /// <summary>Pairs of a step, 1 to 64; with a discriminator up to 4, or a multiple of 4.</summary>
    public int Batch { get; init; } = 16;

    /// <summary>How many steps, all in all.</summary>
    public long Steps { get; init; } = 800_000;

    /// <summary>Another seed gives other weights to begin with, another order of the data and other augmentations.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Whether each epoch visits clips or rows in the order they are packed in, and not in one that is drawn: where a batch is to
    /// hold what the pack puts side by side.</summary>
    public bool InOrder { get; init; }

    /// <summary>Whether half of the pairs are mirrored.</summary>
    public bool Flip { get; init; }

    /// <summary>How far brightness, contrast, saturation and hue are changed at most, 0 to 0.5; the recipe's is 0.1.</summary>
    public double Jitter { get; init; }

    /// <summary>How many pixels larger a side pictures are packed, of which a window is drawn for each pair, 0 to 512.</summary>
    public int Crop { get; init; }

    /// <summary>Where data is packed: each so manieth frame.</summary>
    public int Every { get; init; } = 1;

    /// <summary>Where data is packed: a folder of weight maps (<see cref="PackOptions.WeightMaps"/>).</summary>
    public string? WeightMaps { get; init; }

    /// <summary>Clips (or rows) at the end of the data that are not learned from, and that results are measured on; unset is a twentieth
    /// of them, 16 at most.</summary>
    public int? HeldOut { get; init; }

    /// <summary>VGG19's weights for the perceptual loss, safetensors or PyTorch's, tensors <c>features.N.weight</c> and
    /// <c>features.N.bias</c>. Null takes a pyramid of differences of pixels and of their derivatives instead, which needs no
    /// file.</summary>
    public string? Vgg { get; init; }

    /// <summary>The generator's rate, which Adam multiplies by 4/5 (the recipe's allowance for lazy regularization).</summary>
    public double Rate { get; init; } = 0.002;

    /// <summary>The discriminator's rate, which Adam multiplies by 16/17; null is <see cref="Rate"/>.</summary>
    public double? DiscriminatorRate { get; init; }

    /// <summary>How rates change.</summary>
    public RateSchedule Schedule { get; init; }

    /// <summary>Steps in which rates rise from nothing.</summary>
    public long WarmUp { get; init; }

    /// <summary>Of <see cref="RateSchedule.Cosine"/>: the part of all steps in which rates stay, before they fall, 0 to 1.</summary>
    public double Flat { get; init; }

    /// <summary>Of <see cref="RateSchedule.Cosine"/>: which part of the rates is left at the end, 0 to 1.</summary>
    public double RateEnd { get; init; }

    /// <summary>Decay of a moving average of the generator's weights, 0.999 say: it is the averaged weights that are measured and written
    /// as the model. 0 for none.</summary>
    public double Average { get; init; }

    /// <summary>What judges.</summary>
    public DiscriminatorKind Discriminator { get; init; }

    /// <summary>The weight of the discriminator in the generator's loss; 0 trains without one. Of <see cref="DiscriminatorKind.Patches"/>
    /// the length of its gradient at the picture, in lengths of the one that the other losses have there.</summary>
    public double Adversarial { get; init; } = 1;

    /// <summary>Of <see cref="DiscriminatorKind.Patches"/>: the same for the distance of the critic's features between result and target.
    /// 0 leaves it out.</summary>
    public double Matching { get; init; }

    /// <summary>Adam's first beta for the generator: how much of its last movement a step keeps, 0.9 usually elsewhere; the recipe has
    /// none.</summary>
    public double Momentum { get; init; }

    /// <summary>The weight of the mean absolute difference of pixels beside the perceptual loss (or the pyramid of differences).</summary>
    public double L1 { get; init; } = 1;

    /// <summary>The weight of the mean squared error of the pack's labels, told from motion codes by a linear probe that is learned beside
    /// them; 0 leaves them out, and without labels in the pack it is refused.</summary>
    public double Labels { get; init; }

    /// <summary>The weight of the distance between where warps read and where the pack's surfaces lie in the source, a mean over pixels and
    /// a sum over levels; 0 leaves it out, and without surfaces in the pack it is refused.</summary>
    public double Surfaces { get; init; }

    /// <summary>Which part of <see cref="Labels"/> and <see cref="Surfaces"/> is left at the end of the run, 0 to 1: they fall evenly over
    /// all steps.</summary>
    public double GuideEnd { get; init; } = 1;

    /// <summary>Whether the motion directions stay as they begin. Nothing is lost: the layers around an orthonormal basis, which are
    /// learned, turn it into any other.</summary>
    public bool FixedDirections { get; init; }

    /// <summary>A factor of the random weights that warps are made by: at 0.05 they begin near the identity. 1 is the recipe; of
    /// <see cref="From"/>, weights are the model's.</summary>
    public double FlowStart { get; init; } = 1;

    /// <summary>How the device computes.</summary>
    public TrainingPrecision Precision { get; init; }

    /// <summary>The GPU, by the driver's number; null takes the first that can be used.</summary>
    public int? Gpu { get; init; }

    /// <summary>A line of the log stands for so many steps.</summary>
    public int LogEvery { get; init; } = 10;

    /// <summary>A checkpoint is written, in place of the last one, each so many steps.</summary>
    public int CheckpointEvery { get; init; } = 1000;

    /// <summary>A checkpoint is kept for good each so many steps; 0 keeps the last alone.</summary>
    public int KeepEvery { get; init; }

    /// <summary>Held-out clips are measured, and the sheet and the curves drawn, each so many steps.</summary>
    public int SheetEvery { get; init; } = 1000;

    /// <summary>Threads that prepare batches; 0 takes up to four, by the cores.</summary>
    public int Workers { get; init; }

    /// <summary>The extents of the network, where no model decides them.</summary>
    internal ModelArchitecture Architecture()
    {
        ModelArchitecture official = ModelArchitecture.Official(Size ?? DefaultSize);
        return official with
        {
            Style = Code ?? official.Style,
            Motion = Directions ?? official.Motion,
            Channels = Channels.IsDefaultOrEmpty ? official.Channels : Channels,
        };
    }

    /// <summary>Refuses what cannot be.</summary>
    /// <exception cref="ArgumentException">A value is out of its range, or two do not go together.</exception>
    internal void Validate()
    {
        const int LeastSize = 64, MostSize = 1024, MostChannels = 4096, Quad = 4;
        Demand(Data.Length > 0 && Output.Length > 0, "Data and a folder for the run are needed.");
        if (From is null)
        {
            int size = Size ?? DefaultSize;
            Demand(size is >= LeastSize and <= MostSize && BitOperations.IsPow2(size), "The size is 64, 128, 256, 512 or 1024.");
            int levels = BitOperations.Log2((uint)size) - 1;
            Demand(Channels.IsDefaultOrEmpty || Channels.Length == levels,
                $"At size {size} there are {levels} numbers of channels, from 4x4 up, not {(Channels.IsDefault ? 0 : Channels.Length)}.");
            Demand(Channels.IsDefaultOrEmpty || Channels.All(channels => channels is >= 1 and <= MostChannels),
                $"Channels are 1 to {MostChannels}.");
            Demand(Code is null or (>= 1 and <= MostChannels), $"The code's length is 1 to {MostChannels}.");
            Demand((Code ?? 0) % Quad == 0 && (Channels.IsDefaultOrEmpty || Channels.All(channels => channels % Quad == 0)),
                "The code's length, and channels, are multiples of four.");
            Demand((Directions ?? 20) >= 1 && (Directions ?? 20) <= (Code ?? 512),
                "There is at least one motion direction, and no more than the code is long.");
        }
        else
        {
            Demand(Size is null && Channels.IsDefaultOrEmpty && Code is null && Directions is null,
                "The model to begin with decides size, channels, code and directions: they are not given beside it.");
        }
        Demand(Batch is >= 1 and <= 64, "A batch has 1 to 64 pairs.");
        Demand(Steps >= 1, "There is at least one step.");
        Demand(Jitter is >= 0 and <= 0.5, "Jitter is 0 to 0.5.");
        Demand(Crop is >= 0 and <= 512, "The margin to crop from is 0 to 512 pixels.");
        Demand(Every >= 1, "Each frame is packed, or each so manieth.");
        Demand(HeldOut is null or >= 0, "The number of held-out clips is not negative.");
        Demand(Rate is > 0 and <= 1 && DiscriminatorRate is null or (> 0 and <= 1), "Rates lie between 0 and 1.");
        Demand(WarmUp >= 0, "Steps of warm-up are not negative.");
        Demand(Flat is >= 0 and <= 1 && RateEnd is >= 0 and <= 1, "Parts of a schedule are 0 to 1.");
        Demand(Schedule == RateSchedule.Cosine || (Flat == 0 && RateEnd == 0), "Flat and the rate's end belong to the cosine schedule.");
        Demand(Average is >= 0 and < 1, "The average's decay is 0 to below 1.");
        Demand(Adversarial is >= 0 and <= 100, "The discriminator's weight is 0 to 100.");
        Demand(Momentum is >= 0 and < 1, "The momentum is 0 to below 1.");
        Demand(L1 is >= 0 and <= 100, "The weight of pixels' differences is 0 to 100.");
        Demand(FlowStart is >= 0 and <= 1, "The factor that flows begin with is 0 to 1.");
        Demand(Labels is >= 0 and <= 1000 && Surfaces is >= 0 and <= 1000, "The weights of labels and surfaces are 0 to 1000.");
        Demand(GuideEnd is >= 0 and <= 1, "The part of labels and surfaces that is left at the end is 0 to 1.");
        Demand(GuideEnd == 1 || Labels > 0 || Surfaces > 0, "The guide's end belongs to the weights of labels and surfaces.");
        Demand(!Flip || Labels == 0, "Pictures with labels are not mirrored (--flip, --labels): what they show has other labels then.");
        Demand(Matching is >= 0 and <= 100, "The weight of matching features is 0 to 100.");
        Demand(Matching == 0 || (Discriminator == DiscriminatorKind.Patches && Adversarial > 0),
            "Features are those of the patch critic: matching them needs it, and an adversarial weight.");
        Demand(Adversarial == 0 || Discriminator == DiscriminatorKind.Patches || Batch <= 4 || Batch % 4 == 0,
            "The discriminator compares pictures in groups of four: a batch has up to 4 pairs, or a multiple of 4.");
        Demand(LogEvery >= 1 && CheckpointEvery >= 1 && KeepEvery >= 0 && SheetEvery >= 1, "Intervals are of one step at least.");
        Demand(Workers is >= 0 and <= 64, "There are up to 64 workers.");
        if (Gpu is { } gpu) Demand(gpu >= 0, "A GPU's number is not negative.");

        static void Demand(bool isTrue, string message)
        {
            if (!isTrue) throw new ArgumentException(message);
        }
    }

    private const int DefaultSize = 256;
}

/// <summary>How rates change in the course of a run, after they have risen (<see cref="TrainerOptions.WarmUp"/>).</summary>
public enum RateSchedule
{
    /// <summary>They stay.</summary>
    Constant,

    /// <summary>They stay for a part of the run, and fall along half a cosine from then on.</summary>
    Cosine,
}

/// <summary>What judges results.</summary>
public enum DiscriminatorKind
{
    /// <summary>The recipe's: the whole picture, among those of its minibatch.</summary>
    Whole,

    /// <summary>The patch critic: each patch of the picture on its own.</summary>
    Patches,
}

/// <summary>How training computes.</summary>
public enum TrainingPrecision
{
    /// <summary>As <see cref="Exact"/>.</summary>
    Auto,

    /// <summary>The accuracy of float32, on tensor cores where there are some.</summary>
    Exact,

    /// <summary>Half-precision operands, float32 sums and weights.</summary>
    Fast,
}

using Lia.Gpu.Tests;
using Lia.Testing;
using Lia.Training.Steps;
using Lia.Weights;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Training.Tests;

/// <summary>
/// The step with all that the demonstration model's training has beyond the recipe, against tools/demo-model/train.py in float64: rows of
/// both kinds, weight maps, fixed directions, momentum, the moving average, no difference of pixels but the pyramid's, the patch critic,
/// poses told from motion codes, and warps told where surfaces lie.
/// </summary>
public class DemonstrationStepTests
{
    private const int Pairs = 4, Size = 16, Picture = 4 * Size * Size, Labels = 14, Parts = 2;

    private static readonly ModelArchitecture Architecture = new(Size, 8, 3, [8, 8, 4]);

    [Theory]
    [EveryAccelerator(true, 1e-5, 1e-4)]
    [EveryAccelerator(false, 1e-2, 2e-2)]
    public void Two_steps_are_those_of_the_program_that_trained_the_model(string device, bool isExact, double lossLimit, double limit)
    {
        const double MovedLimit = 1e-3;
        using SafetensorsFile golden = new(TestData.Unpack("demo_step.safetensors"));
        (StepLosses[] losses, Dictionary<string, float[]> gradients, Dictionary<string, float[]> state) = Run(device, loader =>
        {
            StepSettings settings = new(Architecture, Pairs, IsSupervised: true, HasWeights: true, Average: 0.998, Adversarial: 0.2,
                IsExact: isExact, Momentum: 0.9, FixesDirections: true, L1: 0, JudgesPatches: true, Matching: 0.5)
            {
                CriticChannels = [4, 8, 8, 12],
                Labels = Labels,
                Parts = Parts,
                LabelWeight = 8,
                SurfaceWeight = 3,
            };
            using TrainingStep step = new(loader, settings, new(1), vgg: null);
            foreach (TensorInfo tensor in step.State)
            {
                string name = tensor.Name.StartsWith("average.", StringComparison.Ordinal)
                    ? tensor.Name.Replace("average.", "generator.", StringComparison.Ordinal) : tensor.Name;
                if (golden.Tensors.ContainsKey(name)) step.WriteState(tensor.Name, golden.Read(name));
            }
            StepRates rates = new(0.01f, 0.002f) { Adversary = 0.5f, Guide = 0.5f };
            StepLosses first = step.Run(Batch(golden, 0), rates);
            Dictionary<string, float[]> found = step.Gradients();
            StepLosses second = step.Run(Batch(golden, 1), rates);
            return (new[] { first, second }, found, step.State.ToDictionary(tensor => tensor.Name, tensor =>
            {
                float[] values = new float[tensor.ElementCount];
                step.ReadState(tensor.Name, values);
                return values;
            }));
        });

        float[] expected = golden.Read("losses");
        for (int i = 0; i < losses.Length; i++)
        {
            float[] found = [losses[i].Perceptual, losses[i].Adversarial, losses[i].Matching, losses[i].Discriminator,
                losses[i].Labels, losses[i].Surfaces];
            for (int k = 0; k < found.Length; k++)
            {
                // The second looks back at an update that magnifies small gradients.
                Assert.Equal(expected[found.Length * i + k], found[k], (i + 1) * lossLimit * expected[found.Length * i + k]);
            }
        }
        List<string> wrong = [];
        foreach (string name in golden.Tensors.Keys.Where(name => name.StartsWith("gradient.", StringComparison.Ordinal)))
        {
            double error = Error(golden.Read(name), gradients[name["gradient.".Length..]]);
            // The critic's own are differences of answers that hardly differ yet: in halves they say little.
            if (!isExact && name.StartsWith("gradient.critic.", StringComparison.Ordinal)) continue;
            if (!(error <= limit)) wrong.Add($"{name}: {error:E2}");
        }
        Assert.Equal(gradients.Count - 1, golden.Tensors.Keys.Count(name => name.StartsWith("gradient.", StringComparison.Ordinal)));
        // Of what the steps did: single values near zero may have gone the other way, in halves too many.
        (string Kind, string Start)[] judged = isExact
            ? [("after.generator.", "generator."), ("after.critic.", "critic."), ("average.", "generator.")] : [];
        foreach ((string kind, string start) in judged)
        {
            foreach (string name in golden.Tensors.Keys.Where(name => name.StartsWith(kind, StringComparison.Ordinal)))
            {
                string parameter = name[kind.Length..];
                float[] before = golden.Read(start + parameter), after = golden.Read(name);
                float[] found = state[kind == "average." ? name : start + parameter];
                // The vectors of singular values are told as they are, since one of a single output stays.
                double error = name.EndsWith(".u", StringComparison.Ordinal) ? Error(after, found)
                    : Error(Moved(after, before), Moved(found, before));
                if (!(error <= MovedLimit)) wrong.Add($"{name}: {error:E2}");
            }
        }
        Assert.True(wrong.Count == 0, string.Join("\n", wrong));
        Assert.Equal(golden.Read("generator.dec.direction.weight"), state["generator.dec.direction.weight"]);
    }

    private static float[] Moved(float[] after, float[] before) => [.. after.Zip(before, (a, b) => a - b)];

    private static double Error(float[] expected, float[] found) =>
        Math.Sqrt(expected.Zip(found, (a, b) => Math.Pow((double)a - b, 2)).Sum() / expected.Sum(value => (double)value * value));

    // As BatchSampler makes it of a pack.
    private static TrainingBatch Batch(SafetensorsFile golden, int index)
    {
        byte[] pictures = new byte[golden.Tensors["pictures.u8"].ElementCount], rows = new byte[golden.Tensors["rows.u8"].ElementCount];
        golden.CopyBytesTo("pictures.u8", pictures);
        golden.CopyBytesTo("rows.u8", rows);
        const int Values = 3 * Size * Size;
        TrainingBatch batch = new(Pairs, Size)
        {
            Drivings = new float[Pairs * Values],
            Starts = new float[Pairs * Values],
            Weights = new float[Pairs * Size * Size],
            Labels = new float[3 * Pairs * Labels],
            Surfaces = new(Pairs, Size, Parts),
        };
        byte[] depths = new byte[golden.Tensors["depths.u8"].ElementCount], parts = new byte[depths.Length];
        golden.CopyBytesTo("depths.u8", depths);
        golden.CopyBytesTo("parts.u8", parts);
        float[] labels = golden.Read("labels"), matrices = golden.Read("matrices");
        Data.Augmentation none = Data.Augmentation.None(0);
        for (int pair = 0; pair < Pairs; pair++)
        {
            ReadOnlySpan<byte> row = rows.AsSpan(4 * (index * Pairs + pair), 4);
            float[][] sets = [batch.Sources, batch.Drivings, batch.Starts, batch.Targets];
            for (int set = 0; set < sets.Length; set++)
                none.Apply(pictures.AsSpan(row[set] * Picture, Picture), Size, sets[set].AsSpan(pair * Values, Values), Size);
            none.ApplyWeights(pictures.AsSpan(row[3] * Picture + Values, Size * Size), Size,
                batch.Weights.AsSpan(pair * Size * Size, Size * Size), Size);
            for (int set = 0; set < 3; set++)
            {
                // A start that is the row's source has its code.
                Span<float> told = batch.Labels.AsSpan((set * Pairs + pair) * Labels, Labels);
                if (set == 2 && row[2] == row[0]) told.Fill(float.NaN);
                else labels.AsSpan(row[set] * Labels, Labels).CopyTo(told);
            }
            depths.AsSpan(row[3] * Size * Size, Size * Size).CopyTo(batch.Surfaces.Depths.AsSpan(pair * Size * Size));
            parts.AsSpan(row[3] * Size * Size, Size * Size).CopyTo(batch.Surfaces.PartNumbers.AsSpan(pair * Size * Size));
            for (int part = 0; part < Parts; part++)
                Move(matrices.AsSpan((row[0] * Parts + part) * 16, 16), matrices.AsSpan((row[3] * Parts + part) * 16, 16))
                    .CopyTo(batch.Surfaces.Moves, (pair * Parts + part) * TargetSurfaces.MoveLength);
        }
        return batch;
    }

    // Rows X, Y and W of source inverse(target), by elimination: what turns the target into the unit matrix turns the source, beside it
    // and transposed, into their product.
    private static float[] Move(ReadOnlySpan<float> source, ReadOnlySpan<float> target)
    {
        double[,] rows = new double[4, 8];
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < 4; j++) (rows[i, j], rows[i, 4 + j]) = (target[4 * j + i], source[4 * j + i]);
        for (int column = 0; column < 4; column++)
        {
            int pivot = Enumerable.Range(column, 4 - column).MaxBy(i => Math.Abs(rows[i, column]));
            for (int j = 0; j < 8; j++) (rows[column, j], rows[pivot, j]) = (rows[pivot, j], rows[column, j]);
            for (int i = 0; i < 4; i++)
            {
                if (i == column) continue;
                double factor = rows[i, column] / rows[column, column];
                for (int j = 0; j < 8; j++) rows[i, j] -= factor * rows[column, j];
            }
        }
        return [.. from row in (int[])[0, 1, 3]
            from column in Enumerable.Range(0, 4)
            select (float)(rows[column, 4 + row] / rows[column, column])];
    }
}

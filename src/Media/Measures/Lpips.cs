using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Lia.Media.Measures;

namespace Lia.Evaluation;

/// <summary>Learned perceptual image patch similarity (Zhang, Isola, Efros, Shechtman, Wang, 2018), version 0.1 on AlexNet: 0 for equal
/// pictures, larger for less similar ones.</summary>
/// <remarks>
/// The weights belong to others and are supplied by the user. The tensors are AlexNet's as torchvision names them, and the linear layers'
/// as the authors' program does:
/// <code>
/// features.0.weight   [C0, 3, 11, 11]    features.0.bias   [C0]       stride 4, padding 2, ReLU
/// features.3.weight   [C1, C0, 5, 5]     features.3.bias   [C1]       3x3 maximum with stride 2, padding 2, ReLU
/// features.6.weight   [C2, C1, 3, 3]     features.6.bias   [C2]       3x3 maximum with stride 2, padding 1, ReLU
/// features.8.weight   [C3, C2, 3, 3]     features.8.bias   [C3]       padding 1, ReLU
/// features.10.weight  [C4, C3, 3, 3]     features.10.bias  [C4]       padding 1, ReLU
/// lin0.model.1.weight [1, C0, 1, 1] ...  lin4.model.1.weight [1, C4, 1, 1]
/// </code>
/// Widths are read off the shapes (64, 192, 384, 256, 256 in AlexNet); further tensors are ignored. Pictures are compared in their own
/// size.
/// <see cref="Distance"/> may be called from several threads at once.
/// </remarks>
public sealed class Lpips
{
    private const int Layers = 5;
    private const float Epsilon = 1e-10f;

    private static readonly int[] Indices = [0, 3, 6, 8, 10], Kernels = [11, 5, 3, 3, 3];
    private static readonly float[] Shift = [-0.030f, -0.088f, -0.188f], Scale = [0.458f, 0.448f, 0.450f];

    private readonly RectifiedConvolution[] _layers = new RectifiedConvolution[Layers];
    private readonly float[][] _linear = new float[Layers][];

    /// <summary>Takes the weights.</summary>
    /// <param name="read">Reads a tensor by its name. Its shape must be the one asked for, where 0 leaves an extent open.</param>
    public Lpips(Func<string, int[], float[]> read)
    {
        ArgumentNullException.ThrowIfNull(read);
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        int channels = 3;
        for (int i = 0; i < Layers; i++)
        {
            string name = $"features.{Indices[i]}";
            int kernel = Kernels[i];
            float[] weight = Read($"{name}.weight", 0, channels, kernel, kernel);
            int width = weight.Length / (channels * kernel * kernel);
            float[] bias = Read($"{name}.bias", width);
            (int stride, int padding) = i == 0 ? (4, 2) : (1, kernel / 2);
            _layers[i] = new RectifiedConvolution(weight, bias, channels, kernel, stride, padding);
            _linear[i] = Read($"lin{i}.model.1.weight", 1, width, 1, 1);
            channels = width;
        }
        Fingerprint = Convert.ToHexStringLower(hash.GetHashAndReset());

        float[] Read(string name, params int[] shape)
        {
            float[] values = read(name, shape);
            hash.AppendData(MemoryMarshal.AsBytes(values.AsSpan()));
            return values;
        }
    }

    /// <summary>The least side of a picture: smaller ones vanish on the way through the network.</summary>
    public const int LeastSide = 31;

    /// <summary>SHA-256 of the weights, in lower-case hexadecimal digits: equal for equal weights, whatever files they come from.</summary>
    public string Fingerprint { get; }

    /// <summary>The distance of two pictures.</summary>
    /// <param name="a">A picture.</param>
    /// <param name="b">Another of the same size.</param>
    /// <returns>The sum over AlexNet's five layers of the mean over positions of the weighted squared difference of unit-length
    /// features.</returns>
    /// <exception cref="ArgumentException">The pictures differ in size, or a side is below <see cref="LeastSide"/>.</exception>
    public double Distance(RgbImage a, RgbImage b)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        if (a.Width != b.Width || a.Height != b.Height)
            throw new ArgumentException($"The pictures differ in size: {a.Width}x{a.Height} and {b.Width}x{b.Height}.", nameof(b));
        if (Math.Min(a.Width, a.Height) < LeastSide)
            throw new ArgumentException($"{a.Width}x{a.Height} is too small: LPIPS needs {LeastSide}x{LeastSide}.", nameof(a));
        Planar first = Input(a), second = Input(b);
        double distance = 0;
        for (int i = 0; i < Layers; i++)
        {
            if (i is 1 or 2) (first, second) = (first.Pooled(), second.Pooled());
            (first, second) = (_layers[i].Run(first), _layers[i].Run(second));
            distance += Difference(first, second, _linear[i]);
        }
        return distance;
    }

    /// <summary>From u8 to [-1, 1], then by the authors' shift and scale.</summary>
    private static Planar Input(RgbImage image)
    {
        Planar input = new(3, image.Height, image.Width);
        int plane = image.Width * image.Height;
        for (int c = 0; c < 3; c++)
            for (int i = 0; i < plane; i++)
                input.Values[c * plane + i] = (image.Pixels[3 * i + c] / 127.5f - 1 - Shift[c]) / Scale[c];
        return input;
    }

    private static double Difference(Planar a, Planar b, float[] weights)
    {
        int plane = a.Height * a.Width;
        double sum = 0;
        for (int i = 0; i < plane; i++)
        {
            double lengthA = 0, lengthB = 0;
            for (int c = 0; c < a.Channels; c++)
            {
                double x = a.Values[c * plane + i], y = b.Values[c * plane + i];
                (lengthA, lengthB) = (lengthA + x * x, lengthB + y * y);
            }
            (lengthA, lengthB) = (Math.Sqrt(lengthA) + Epsilon, Math.Sqrt(lengthB) + Epsilon);
            for (int c = 0; c < a.Channels; c++)
            {
                double difference = a.Values[c * plane + i] / lengthA - b.Values[c * plane + i] / lengthB;
                sum += weights[c] * difference * difference;
            }
        }
        return sum / plane;
    }
}
